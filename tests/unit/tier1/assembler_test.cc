// The assembler on translations made by hand: what each hole becomes, endings, cold chains, data, addresses of blocks.
#include <cstring>

#include "absl/strings/string_view.h"
#include "tests/unit/tier1/fixture.h"

namespace tierjit::tier1 {
namespace {

constexpr size_t kHotBegin = 28;  // vectorcall entry and prologue

// A function whose code object gives the unit a name and sizes; the translation comes from the test.
struct Frame {
  Ref function = (Prepare(), FunctionFrom("def f(a, b): return a + b\n"));
  PyCodeObject* code() const { return CodeOfFunction(function); }
};

// Frees the block with the test.
class Made {
 public:
  Made(const Frame& frame, const Translation& t) {
    auto made = Assemble(frame.code(), t);
    REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    assembled_ = *std::move(made);
  }
  ~Made() { Arena::Get().Free(assembled_.block); }
  const Assembled* operator->() const { return &assembled_; }
  const uint8_t* code() const { return assembled_.block.code; }
  const uint8_t* data() const { return assembled_.block.data; }
  // Start of the n-th emission.
  const uint8_t* At(size_t n) const {
    size_t offset = assembled_.listed_from;
    for (size_t i = 0; i < n; i++) offset += assembled_.listing[i].size;
    return code() + offset;
  }
  const uint8_t* HotEnd() const { return code() + assembled_.hot_bytes; }

 private:
  Assembled assembled_;
};

Emission Use(const char* stencil) {
  const Stencil* s = FindStencil(stencil);
  REQUIRE_MESSAGE(s != nullptr, stencil);
  Emission e{};
  e.stencil = s;
  return e;
}

const Hole& HoleOf(const Stencil* s, HoleValue value) {
  for (int i = 0; i < s->hole_count; i++) {
    if (s->holes[i].value == value) return s->holes[i];
  }
  FAIL("no such hole in " << s->name);
  return s->holes[0];
}

template <class T>
T Read(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Where a pc-relative hole of a copy at `at` points to, its addend undone.
const uint8_t* PointsTo(const uint8_t* at, const Hole& hole) {
  const uint8_t* field = at + hole.offset;
  return field + Read<int32_t>(field) - hole.addend;
}

Translation Of(std::initializer_list<Emission> emissions) {
  Translation t;
  t.emissions = emissions;
  t.blocks = {{0, 0}};
  return t;
}

TEST_CASE("assembler: small operands, wide operands and the unit's header") {
  Frame frame;
  Emission spill = Use("spill_L");
  spill.a = 0x128;
  spill.b = 0x18;
  Emission constant = Use("load_C");
  constant.p = 0x123456789abcdef0;
  Emission compare = Use("float_add_LF");
  compare.q = 0xfedcba9876543210;
  compare.a = 8;
  compare.cold[0] = FindStencil("cold_slow");
  compare.site = 0;
  Translation t = Of({spill, constant, compare, Use("return_R")});
  t.sites.resize(1);
  Made made(frame, t);
  CHECK(Read<int32_t>(made.At(0) + HoleOf(spill.stencil, HoleValue::kA).offset) ==
        0x128 + HoleOf(spill.stencil, HoleValue::kA).addend);
  CHECK(Read<int32_t>(made.At(0) + HoleOf(spill.stencil, HoleValue::kB).offset) ==
        0x18 + HoleOf(spill.stencil, HoleValue::kB).addend);
  CHECK(Read<uint64_t>(made.At(1) + HoleOf(constant.stencil, HoleValue::kP).offset) == 0x123456789abcdef0);
  CHECK(Read<uint64_t>(made.At(2) + HoleOf(compare.stencil, HoleValue::kQ).offset) == 0xfedcba9876543210);
  Emission resume = Use("resume");
  resume.cold[0] = FindStencil("cold_slow");
  resume.site = 0;
  Translation u = Of({resume, Use("return_R")});
  u.sites.resize(1);
  Made entered(frame, u);
  const Hole& unit = HoleOf(resume.stencil, HoleValue::kUnit);
  const uint8_t* field = entered.At(0) + unit.offset;
  int64_t into = field + Read<int32_t>(field) + 4 - entered.data();  // the hole's own offset and an immediate included
  CHECK(into >= 0);
  CHECK(into < static_cast<int64_t>(sizeof(UnitHeader)) + 8);
}

TEST_CASE("assembler: a trailing jump to the next emission is dropped, one to elsewhere stays") {
  Frame frame;
  const Stencil* load = FindStencil("load_L");
  REQUIRE(load->ending == Ending::kNext);
  Emission jump = Use("jump");
  jump.target = 0;
  Made made(frame, Of({Use("load_L"), Use("load_L"), jump}));
  CHECK(made.At(0) == made.code() + kHotBegin);
  CHECK(made.At(1) - made.At(0) == load->size - 5);
  for (int i = 0; i + 1 < load->hole_count; i++) {
    if (load->holes[i].value == HoleValue::kNext) CHECK(PointsTo(made.At(0), load->holes[i]) == made.At(1));
  }
  CHECK(*made.At(2) == 0xE9);
  CHECK(PointsTo(made.At(2), HoleOf(jump.stencil, HoleValue::kTarget)) == made.At(0));
  CHECK(made.At(2) + 5 == made.HotEnd());
  CHECK(made->block.code_size == made->hot_bytes);
}

TEST_CASE("assembler: entering, returning and calling") {
  Frame frame;
  Emission call = Use("call_plain_0");
  REQUIRE(call.stencil->ending == Ending::kCallee);
  call.cold[0] = FindStencil("cold_slow");
  call.site = 0;
  Emission after = Use("load_L");
  Translation t = Of({call, after, Use("return_R")});
  t.sites.resize(1);
  Made made(frame, t);
  // mov r8, unit; jmp tj_vectorcall: push rbp; mov rbp, rsp
  CHECK(absl::string_view(reinterpret_cast<const char*>(made.code()), 2) == "\x49\xB8");
  CHECK(Read<const uint8_t*>(made.code() + 2) == made.data());
  CHECK(made.code()[10] == 0xE9);
  CHECK(absl::string_view(reinterpret_cast<const char*>(made.code()) + 24, 4) == "\x55\x48\x89\xE5");
  CHECK(reinterpret_cast<const uint8_t*>(made->header()->vectorcall) == made.code());
  CHECK(made->header()->native_entry == made.code() + 24);
  // `call r14` takes the place of the trailing jump, and what follows is the next emission.
  size_t body = call.stencil->size - 5u;
  CHECK(absl::string_view(reinterpret_cast<const char*>(made.At(0) + body), 3) == "\x41\xFF\xD6");
  CHECK(made.At(1) == made.At(0) + body + 3);
}

TEST_CASE("assembler: a stencil that returns has the code of the return in it") {
  Frame frame;
  Made made(frame, Of({Use("return_R")}));
  absl::string_view code(reinterpret_cast<const char*>(made.At(0)), static_cast<size_t>(made.HotEnd() - made.At(0)));
  CHECK(code.find("\x5D\xC3") != code.npos);  // pop rbp; ret
}

TEST_CASE("assembler: a cold chain goes from link to link and back behind the hot stencil") {
  Frame frame;
  Emission add = Use("int_add_LL");
  add.cold[0] = FindStencil("float_add_LL");
  add.cold[1] = FindStencil("cold_slow");
  add.dispose = FindStencil("cold_dispose");
  add.site = 1;
  add.dispose_site = 0;
  Translation t = Of({add, Use("return_R")});
  t.sites.resize(2);
  Made made(frame, t);
  const uint8_t* floats = made.HotEnd();
  const uint8_t* slow = floats + add.cold[0]->size;
  const uint8_t* dispose = slow + add.cold[1]->size;
  CHECK(PointsTo(made.At(0), HoleOf(add.stencil, HoleValue::kCold)) == floats);
  CHECK(PointsTo(floats, HoleOf(add.cold[0], HoleValue::kCold)) == slow);
  CHECK(PointsTo(floats, HoleOf(add.cold[0], HoleValue::kNext)) == made.At(1));
  CHECK(PointsTo(slow, HoleOf(add.cold[1], HoleValue::kNext)) == made.At(1));
  CHECK(PointsTo(slow, HoleOf(add.cold[1], HoleValue::kSite)) ==
        reinterpret_cast<const uint8_t*>(made->sites() + 1));
  CHECK(PointsTo(dispose, HoleOf(add.dispose, HoleValue::kSite)) == reinterpret_cast<const uint8_t*>(made->sites()));
  CHECK(PointsTo(dispose, HoleOf(add.dispose, HoleValue::kNext)) == made.At(1));
  CHECK(dispose + add.dispose->size == made.code() + made->block.code_size);
}

TEST_CASE("assembler: a call in the cold part comes back to the hot part") {
  Frame frame;
  Emission call = Use("call_plain_0");
  call.cold[0] = FindStencil("call_any");
  REQUIRE(call.cold[0]->ending == Ending::kCallee);
  call.site = 0;
  Translation t = Of({call, Use("return_R")});
  t.sites.resize(1);
  Made made(frame, t);
  const uint8_t* call_at = made.HotEnd() + call.cold[0]->size - 5;
  CHECK(absl::string_view(reinterpret_cast<const char*>(call_at), 4) == "\x41\xFF\xD6\xE9");
  CHECK(call_at + 8 + Read<int32_t>(call_at + 4) == made.At(1));
}

TEST_CASE("assembler: calls to C functions and thunks arrive there") {
  Frame frame;
  Emission call = Use("list_append_any");
  call.site = 0;
  Translation t = Of({call, Use("return_any_R")});
  t.sites.resize(1);
  Made made(frame, t);
  const Hole& helper = HoleOf(call.stencil, HoleValue::kExternal);
  size_t external = helper.source - kFirstThunk - kThunkCount;
  CHECK(std::string(kExternalNames[external]) == "tj_list_append");
  CHECK(PointsTo(made.At(0), helper) == Arena::Get().Reachable(kExternals[external]));
  // Every unit jumps to the same copy of a thunk.
  Made other(frame, t);
  const Stencil* ret = FindStencil("return_any_R");
  const Hole& thunk = HoleOf(ret, HoleValue::kThunk);
  CHECK(std::string(kThunkNames[thunk.source - kFirstThunk]) == "return");
  CHECK(PointsTo(made.At(1), thunk) == PointsTo(other.At(1), thunk));
}

TEST_CASE("assembler: cells, sites and pending lists lie behind the header, cells filled with what never matches") {
  Native native("def f(a): return a.x()\n");
  const AttrCell& cell = native.CellOf<PolyCell>("LOAD_ATTR").first;
  CHECK(cell.values_version == kNoVersion);
  CHECK(cell.plain_version == kNoVersion);
  CHECK(cell.class_version == kNoVersion);
  CHECK(cell.owner == nullptr);
  const Site& site = native.SiteOf("LOAD_ATTR");
  const uint8_t* data = native.unit()->whole().block.data;
  CHECK(site.unit == native.header());
  CHECK(reinterpret_cast<const uint8_t*>(&cell) >= data + sizeof(UnitHeader));
  CHECK(reinterpret_cast<const uint8_t*>(site.pending) + sizeof(Pending) <=
        data + native.unit()->whole().block.data_size);
  CHECK(site.pending[0].kind == Kind::kLocal);
}

TEST_CASE("assembler: blocks are found by their code unit, branching sites know both ways") {
  Native native("def f(a):\n if a: return 1\n return 2\n");
  const Assembled& whole = native.unit()->whole();
  REQUIRE(whole.blocks.size() == 2);
  CHECK(whole.blocks[0].unit == 0);
  CHECK(whole.AddressOf(0) == whole.block.code + kHotBegin);
  CHECK(whole.AddressOf(1) == nullptr);
  const Site& site = native.SiteOf("TO_BOOL");
  CHECK(site.taken_address == whole.AddressOf(whole.blocks[1].unit));
  CHECK(site.resume_taken == whole.blocks[1].unit);
  const uint8_t* next = static_cast<const uint8_t*>(site.next_address);
  CHECK(next > whole.block.code);
  CHECK(next < static_cast<const uint8_t*>(site.taken_address));
}

TEST_CASE("assembler: the header tells the frame's size and the arguments that need no binding") {
  Native plain("def f(a, b): return a\n"), star("def f(a, *b): return a\n"), keyword("def f(a, *, b=1): return a\n");
  CHECK(plain.header()->argcount == 2);
  CHECK(star.header()->argcount == -1);
  CHECK(keyword.header()->argcount == -1);
  CHECK(plain.header()->code == plain.code());
  CHECK(plain.header()->nlocalsplus == 2);
  CHECK(plain.header()->frame_bytes == plain.code()->co_framesize * 8);
  CHECK(plain.header()->owner == plain.unit());
}

}  // namespace
}  // namespace tierjit::tier1
