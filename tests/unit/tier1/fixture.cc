#include "tests/unit/tier1/fixture.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/cpython/opcode_info.h"
#include "runtime/watch/watchers.h"

namespace tierjit::tier1 {
namespace {

Py_ssize_t g_extra_index = -1;
vectorcallfunc g_interpreter_entry = nullptr;

// The extra of a code object: a place that holds its unit, as in the library's state of a code.
Unit** LinkOf(PyCodeObject* code) {
  void* extra = nullptr;
  REQUIRE(PyUnstable_Code_GetExtra(reinterpret_cast<PyObject*>(code), g_extra_index, &extra) == 0);
  if (extra == nullptr) {
    extra = new Unit*(nullptr);
    REQUIRE(PyUnstable_Code_SetExtra(reinterpret_cast<PyObject*>(code), g_extra_index, extra) == 0);
  }
  return static_cast<Unit**>(extra);
}

std::string PendingText(const Pending& p) {
  switch (p.kind) {
    case Kind::kLocal: return absl::StrCat(p.slot, ":local", p.value);
    case Kind::kConst: return absl::StrCat(p.slot, ":const");
    case Kind::kAcc: return absl::StrCat(p.slot, ":acc");
    case Kind::kNull: return absl::StrCat(p.slot, ":null");
    case Kind::kMem: break;
  }
  return absl::StrCat(p.slot, ":?");
}

}  // namespace

void Prepare() {
  if (g_extra_index >= 0) return;
  Ref function = FunctionFrom("def f(): pass\n");
  g_interpreter_entry = function.as<PyFunctionObject>()->vectorcall;
  g_extra_index = PyUnstable_Eval_RequestCodeExtraIndex([](void* extra) { delete static_cast<Unit**>(extra); });
  REQUIRE(g_extra_index >= 0);
  REQUIRE(StartWatching({nullptr, nullptr, OnDictEvent, nullptr}).ok());
  REQUIRE(Initialise(g_interpreter_entry, [](PyCodeObject* code) { return *LinkOf(code); }).ok());
}

namespace {

// Name of the emission at `i`; a whole return, which ends at the new `i`, is called by where its value comes from.
std::string NameAt(const std::vector<Emission>& emissions, size_t& i) {
  std::string name = emissions[i].stencil->name;
  for (const char* at_once : {"return_R", "return_L"}) {
    if (absl::StartsWith(name, absl::StrCat(at_once, "_"))) return at_once;
  }
  if (name != "leave_frame") return name;
  name = std::string(emissions[i].cold[0]->name) == "return_any_L" ? "return_L" : "return_R";
  while (std::string(emissions[i].stencil->name) != "return_R") i++;
  return name;
}

}  // namespace

std::string Translated::Names() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < result.emissions.size(); i++) names.push_back(NameAt(result.emissions, i));
  return absl::StrJoin(names, " ");
}

std::string Translated::Blocks() const {
  std::string out;
  size_t block = 0;
  for (size_t i = 0; i < result.emissions.size(); i++) {
    for (; block < result.blocks.size() && result.blocks[block].emission == static_cast<int>(i); block++) {
      absl::StrAppend(&out, block == 0 ? "" : "| ");
    }
    absl::StrAppend(&out, NameAt(result.emissions, i), " ");
  }
  return out;
}

bool Translated::Chained(const Emission& e, std::initializer_list<const char*> names) {
  std::vector<std::string> chain = {e.stencil->name};
  for (const Stencil* link : e.cold) {
    if (link != nullptr) chain.push_back(link->name);
  }
  if (chain.front() != *names.begin() || chain.back() != *(names.end() - 1)) return false;
  const char* const* next = names.begin();
  for (const std::string& link : chain) {
    if (next != names.end() && link == *next) ++next;
  }
  return next == names.end();
}

const Emission& Translated::Find(const char* stencil) const {
  for (const Emission& e : result.emissions) {
    if (std::string(e.stencil->name) == stencil) return e;
  }
  FAIL("no " << stencil << " in " << Names());
  return result.emissions.front();
}

const Site& Translated::SiteOf(const Emission& e) const {
  REQUIRE(e.site >= 0);
  return result.sites[static_cast<size_t>(e.site)].site;
}

std::string Translated::PendingAt(const Emission& e) const {
  const SiteDraft& draft = result.sites[static_cast<size_t>(e.site)];
  std::vector<std::string> texts;
  for (int i = 0; i < draft.site.pending_count; i++) {
    texts.push_back(PendingText(result.pending[static_cast<size_t>(draft.pending_begin + i)]));
  }
  return absl::StrJoin(texts, " ");
}

Translated Translate(const char* source, TranslationMode mode) {
  Prepare();
  Translated out{FunctionFrom(source), {}};
  Workspace workspace;
  REQUIRE(DecodedCode::Decode(out.code(), &workspace.decoded).ok());
  absl::Status status = Translator(out.code(), workspace, mode).Run();
  REQUIRE_MESSAGE(status.ok(), status.ToString());
  out.result = std::move(workspace.translation);
  return out;
}

Native::Native(PyObject* function) : function_(Py_NewRef(function)) {
  Prepare();
  auto unit = Compile(code());
  REQUIRE_MESSAGE(unit.ok(), unit.status().ToString());
  unit_ = *std::move(unit);
  link_ = LinkOf(code());
  *link_ = unit_.get();
  REQUIRE(unit_->Serves(function_.as<PyFunctionObject>()));
  PyFunction_SetVectorcall(function_.as<PyFunctionObject>(), unit_->vectorcall());
}

Native::~Native() {
  PyFunction_SetVectorcall(function_.as<PyFunctionObject>(), g_interpreter_entry);
  *link_ = nullptr;
}

PyObject* Native::global(const char* name) const {
  PyObject* value = PyDict_GetItemString(PyFunction_GetGlobals(function()), name);
  REQUIRE(value != nullptr);
  return value;
}

const Site& Native::SiteOf(const char* opcode, int n) const {
  const Assembled& whole = unit()->whole();
  Ref bytes(PyCode_GetCode(code()));
  const char* units = PyBytes_AS_STRING(bytes.get());
  for (size_t i = 0; i < whole.site_count; i++) {
    const Site& site = whole.sites()[i];
    if (site.handler == nullptr && site.cell == nullptr) continue;  // disposals, entry checks
    if (std::string(OpcodeName(static_cast<uint8_t>(units[site.instr * 2]))) == opcode && n-- == 0) return site;
  }
  FAIL("no site of " << opcode);
  return whole.sites()[0];
}

std::string Native::Call(std::initializer_list<PyObject*> arguments) const {
  Ref result(PyObject_Vectorcall(function(), arguments.begin(), arguments.size(), nullptr));
  return result.get() != nullptr ? Repr(result.get()) : TakeError();
}

std::string Repr(PyObject* object) {
  Ref text(PyObject_Repr(object));
  REQUIRE(text.get() != nullptr);
  return PyUnicode_AsUTF8(text.get());
}

std::string TakeError() {
  Ref error(PyErr_GetRaisedException());
  REQUIRE(error.get() != nullptr);
  Ref text(PyObject_Str(error.get()));
  return absl::StrCat(Py_TYPE(error.get())->tp_name, ": ", PyUnicode_AsUTF8(text.get()));
}

}  // namespace tierjit::tier1
