#include "runtime/bytecode/decoder.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/cpython/opcode_info.h"

namespace tierjit {
namespace {

constexpr int kMaxPrefixes = 3;  // EXTENDED_ARG in a row; the compiler never needs more for a 32-bit argument

// The de-instrumented bytes of a code object, held for the life of this object. Leaves a pending exception alone.
class BaseBytes {
 public:
  explicit BaseBytes(PyCodeObject* code) {
    PyObject* pending = PyErr_GetRaisedException();
    bytes_ = PyCode_GetCode(code);
    if (bytes_ == nullptr) PyErr_Clear();
    PyErr_SetRaisedException(pending);
  }
  ~BaseBytes() { Py_XDECREF(bytes_); }
  BaseBytes(const BaseBytes&) = delete;
  BaseBytes& operator=(const BaseBytes&) = delete;

  bool ok() const { return bytes_ != nullptr; }
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(PyBytes_AS_STRING(bytes_)); }
  int32_t unit_count() const { return static_cast<int32_t>(PyBytes_GET_SIZE(bytes_) / sizeof(_Py_CODEUNIT)); }

 private:
  PyObject* bytes_;
};

absl::Status BadBytecode(int32_t unit, absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat("not 3.13 bytecode at unit ", unit, ": ", what));
}

// Reads instructions one by one from base bytes.
class InstructionReader {
 public:
  InstructionReader(const uint8_t* bytes, const _Py_CODEUNIT* adaptive, int32_t units)
      : bytes_(bytes), adaptive_(adaptive), units_(units), traits_(AllOpcodeTraits()) {}

  bool done() const { return unit_ >= units_; }
  int32_t unit() const { return unit_; }

  // Reads the instruction at unit() and steps over it and its caches; false, and error() says why, for bad bytes.
  bool Next(Instruction* out) {
    out->offset = unit_;
    if (!ReadOpcode(out)) return false;
    const OpcodeTraits& traits = traits_[out->opcode];
    out->next = unit_ = out->op + 1 + traits.caches;
    if (unit_ > units_) return Fail("inline caches cut off");
    out->adaptive = AdaptiveOpcode(out->op, out->opcode);
    out->declined = out->adaptive == out->opcode && traits.caches > 0 && HasBackedOff(out->op);
    out->target = Target(*out, traits.jump);
    return true;
  }

  const char* error() const { return error_; }

 private:
  bool Fail(const char* error) {
    error_ = error;
    return false;
  }

  // Folds the EXTENDED_ARG prefixes.
  bool ReadOpcode(Instruction* out) {
    uint32_t oparg = 0;
    for (int32_t unit = unit_; unit < units_; ++unit) {
      uint8_t opcode = bytes_[2 * unit];
      oparg = oparg << 8 | bytes_[2 * unit + 1];
      if (opcode == EXTENDED_ARG && unit - unit_ < kMaxPrefixes) continue;
      if (!traits_[opcode].compiled || opcode == EXTENDED_ARG) return Fail("opcode that no compiler emits");
      if (oparg > static_cast<uint32_t>(std::numeric_limits<int32_t>::max())) return Fail("argument out of range");
      out->op = unit;
      out->opcode = opcode;
      out->oparg = static_cast<int32_t>(oparg);
      return true;
    }
    return Fail("EXTENDED_ARG without an instruction");
  }

  // Instrumentation hides specialisation, so instrumented instructions count as unspecialised.
  uint8_t AdaptiveOpcode(int32_t unit, uint8_t base) const {
    uint8_t opcode = adaptive_[unit].op.code;
    return opcode < MIN_INSTRUMENTED_OPCODE && traits_[opcode].base == base ? opcode : base;
  }

  // The first cache is a counter, whose low bits grow with each specialisation that was tried in vain.
  bool HasBackedOff(int32_t unit) const {
    constexpr uint16_t kBackoffMask = 15, kInitialBackoff = 1;
    return (adaptive_[unit + 1].cache & kBackoffMask) > kInitialBackoff;
  }

  static int32_t Target(const Instruction& instruction, JumpDirection jump) {
    if (jump == JumpDirection::kNone) return -1;
    int64_t distance = jump == JumpDirection::kForward ? instruction.oparg : -int64_t{instruction.oparg};
    int64_t target = instruction.next + distance;
    // Out of range is kept out of range (and refused by the caller) instead of wrapping or looking like "no jump".
    return target < 0 || target > std::numeric_limits<int32_t>::max() ? std::numeric_limits<int32_t>::max()
                                                                       : static_cast<int32_t>(target);
  }

  const uint8_t* bytes_;
  const _Py_CODEUNIT* adaptive_;
  int32_t units_;
  int32_t unit_ = 0;
  const char* error_ = "";
  const std::array<OpcodeTraits, 256>& traits_;
};

// Reads co_exceptiontable: four varints an entry, 6 bits a byte, most significant first.
class ExceptionTableReader {
 public:
  explicit ExceptionTableReader(PyCodeObject* code)
      : at_(reinterpret_cast<const uint8_t*>(PyBytes_AS_STRING(code->co_exceptiontable))),
        end_(at_ + PyBytes_GET_SIZE(code->co_exceptiontable)) {}

  // Leaves out entries before the last one that begins at or before `unit`, if there are many. Entries are in ascending order.
  void SkipTo(int32_t unit) {
    const uint8_t *low = at_, *high = end_;
    while (high - low > kShortTable) {
      const uint8_t* middle = low + (high - low) / 2;
      while ((*middle & kFirst) == 0) --middle;
      if (middle == low) break;
      at_ = middle;
      (ReadVarint() > unit ? high : low) = middle;
    }
    at_ = low;
  }

  // The entry for `unit`, from here on; false if there is none.
  bool Find(int32_t unit, ExceptionRange* out) {
    while (at_ < end_) {
      out->start = ReadVarint();
      if (out->start > unit) return false;
      out->end = out->start + ReadVarint();
      if (unit < out->end) {
        ReadHandler(out);
        return true;
      }
      while (at_ < end_ && (*at_ & kFirst) == 0) ++at_;
    }
    return false;
  }

  // The next entry; false at the end of the table.
  bool Next(ExceptionRange* out) {
    if (at_ >= end_) return false;
    out->start = ReadVarint();
    out->end = out->start + ReadVarint();
    ReadHandler(out);
    return true;
  }

 private:
  static constexpr uint8_t kValueBits = 0x3f;
  static constexpr uint8_t kMore = 0x40;
  static constexpr uint8_t kFirst = 0x80;  // the first byte of an entry
  static constexpr ptrdiff_t kShortTable = 24;

  void ReadHandler(ExceptionRange* out) {
    out->target = ReadVarint();
    int32_t depth_and_lasti = ReadVarint();
    out->depth = depth_and_lasti >> 1;
    out->push_lasti = (depth_and_lasti & 1) != 0;
  }

  int32_t ReadVarint() {
    uint32_t value = 0;
    while (at_ < end_) {
      uint8_t byte = *at_++;
      value = value << 6 | (byte & kValueBits);
      if ((byte & kMore) == 0) break;
    }
    return static_cast<int32_t>(value);
  }

  const uint8_t* at_;
  const uint8_t* end_;
};

// Whether the interpreter's own copy of the bytes shows a loop: kUnknown when instrumentation hides an opcode.
enum class LoopScan { kNo, kYes, kUnknown };

LoopScan ScanForLoop(const _Py_CODEUNIT* units, int32_t count) {
  const std::array<OpcodeTraits, 256>& traits = AllOpcodeTraits();
  for (int32_t i = 0; i < count;) {
    const OpcodeTraits& t = traits[units[i].op.code];
    if (t.base == CACHE) return LoopScan::kUnknown;
    if (t.jump == JumpDirection::kBackward) return LoopScan::kYes;
    i += 1 + t.caches;
  }
  return LoopScan::kNo;
}

// What the code had at `unit` before specialisation and instrumentation.
uint8_t OpcodeAt(PyCodeObject* code, int32_t unit) {
  uint8_t opcode = _PyCode_CODE(code)[unit].op.code;
  if (opcode == INSTRUMENTED_LINE) opcode = code->_co_monitoring->lines[unit].original_opcode;
  if (opcode == INSTRUMENTED_INSTRUCTION) opcode = code->_co_monitoring->per_instruction_opcodes[unit];
  return BaseOpcode(opcode);
}

}  // namespace

Instruction ReadInstruction(PyCodeObject* code, int32_t unit) {
  Instruction in{};
  in.offset = unit;
  in.target = -1;
  while (OpcodeAt(code, unit) == EXTENDED_ARG) in.oparg = (in.oparg | _PyCode_CODE(code)[unit++].op.arg) << 8;
  in.op = unit;
  in.oparg |= _PyCode_CODE(code)[unit].op.arg;
  in.opcode = in.adaptive = OpcodeAt(code, unit);
  in.next = unit + 1 + CacheUnits(in.opcode);
  return in;
}

absl::StatusOr<DecodedCode> DecodedCode::Decode(PyCodeObject* code) {
  DecodedCode decoded;
  if (absl::Status status = Decode(code, &decoded); !status.ok()) return status;
  return decoded;
}

absl::Status DecodedCode::Decode(PyCodeObject* code, DecodedCode* out) {
  BaseBytes bytes(code);
  if (!bytes.ok()) return absl::ResourceExhaustedError("no memory for a code object's bytes");
  DecodedCode& decoded = *out;
  const int32_t units = bytes.unit_count();
  decoded.index_.resize(units);
  decoded.instructions_.clear();
  decoded.instructions_.reserve(units);
  decoded.exceptions_.clear();
  InstructionReader reader(bytes.data(), _PyCode_CODE(code), units);
  while (!reader.done()) {
    Instruction instruction;
    if (!reader.Next(&instruction)) return BadBytecode(reader.unit(), reader.error());
    const int32_t index = static_cast<int32_t>(decoded.instructions_.size());
    for (int32_t unit = instruction.offset; unit < instruction.next; ++unit) decoded.index_[unit] = index;
    decoded.instructions_.push_back(instruction);
  }
  ExceptionTableReader table(code);
  for (ExceptionRange range; table.Next(&range);) decoded.exceptions_.push_back(range);
  return decoded.CheckTargets();
}

bool DecodedCode::StartsInstruction(int32_t unit) const {
  return unit >= 0 && unit < unit_count() && instructions_[index_[unit]].offset == unit;
}

absl::Status DecodedCode::CheckTargets() const {
  for (const Instruction& instruction : instructions_) {
    if (instruction.target != -1 && !StartsInstruction(instruction.target)) {
      return BadBytecode(instruction.offset, "jump into the middle of an instruction");
    }
  }
  for (const ExceptionRange& range : exceptions_) {
    if (range.start < 0 || range.end < range.start || range.end > unit_count() || !StartsInstruction(range.target)) {
      return BadBytecode(range.start, "exception table out of range");
    }
  }
  return absl::OkStatus();
}

bool FindHandler(PyCodeObject* code, int32_t unit, ExceptionRange* out) {
  ExceptionTableReader table(code);
  table.SkipTo(unit);
  return table.Find(unit, out);
}

std::vector<ExceptionRange> ExceptionRangesOf(PyCodeObject* code) {
  std::vector<ExceptionRange> ranges;
  ExceptionTableReader table(code);
  for (ExceptionRange range; table.Next(&range);) ranges.push_back(range);
  return ranges;
}

int32_t OpcodeUnit(PyCodeObject* code, int32_t unit) {
  const _Py_CODEUNIT* units = _PyCode_CODE(code);
  while (units[unit].op.code == EXTENDED_ARG) unit++;
  if (units[unit].op.code != INSTRUMENTED_LINE && units[unit].op.code != INSTRUMENTED_INSTRUCTION) return unit;
  BaseBytes bytes(code);  // events hide the opcode
  if (!bytes.ok()) return unit;
  units = reinterpret_cast<const _Py_CODEUNIT*>(bytes.data());
  while (units[unit].op.code == EXTENDED_ARG) unit++;
  return unit;
}

bool IsBackwardJump(uint8_t opcode) { return opcode == JUMP_BACKWARD || opcode == JUMP_BACKWARD_NO_INTERRUPT; }

bool HasLoop(PyCodeObject* code) {
  LoopScan scan = ScanForLoop(_PyCode_CODE(code), static_cast<int32_t>(Py_SIZE(code)));
  if (scan != LoopScan::kUnknown) return scan == LoopScan::kYes;
  BaseBytes bytes(code);
  if (!bytes.ok()) return false;
  const auto* units = reinterpret_cast<const _Py_CODEUNIT*>(bytes.data());
  return ScanForLoop(units, bytes.unit_count()) == LoopScan::kYes;
}

}  // namespace tierjit
