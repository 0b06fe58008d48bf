#include "tier2/ir/type.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tierjit::tier2 {
namespace {

struct Name {
  uint32_t bit;
  const char* text;
};
constexpr Name kNames[] = {
    {kNullBit, "null"},         {kNoneBit, "none"},          {kBoolBit, "bool"},           {kIntBit, "int"},
    {kBigIntBit, "bigint"},     {kFloatBit, "float"},        {kStrBit, "str"},             {kListBit, "list"},
    {kTupleBit, "tuple"},       {kDictBit, "dict"},          {kBytesBit, "bytes"},         {kByteArrayBit, "bytearray"},
    {kArrayBit, "array"},       {kRangeIterBit, "range_iter"}, {kListIterBit, "list_iter"}, {kTupleIterBit, "tuple_iter"},
    {kInstanceBit, "instance"}, {kOtherBit, "other"},            {kEnumerateBit, "enumerate"},
    {kSetBit, "set"},
};

bool ParsePart(absl::string_view text, Type* out) {
  absl::string_view name = text.substr(0, text.find_first_of("[#"));
  absl::string_view rest = text.substr(name.size());
  for (const Name& n : kNames) {
    if (name != n.text) continue;
    *out = Type(n.bit);
    if (rest.empty()) return true;
    if (rest[0] == '#') {
      uint32_t version;
      if (n.bit != kInstanceBit || !absl::SimpleAtoi(rest.substr(1), &version)) return false;
      *out = Type::Instance(version);
      return true;
    }
    std::pair<absl::string_view, absl::string_view> ends = absl::StrSplit(rest.substr(1, rest.size() - 2), ',');
    int64_t low, high;
    if (n.bit != kIntBit || !absl::SimpleAtoi(ends.first, &low) || !absl::SimpleAtoi(ends.second, &high)) return false;
    *out = Type::IntRange(low, high);
    return true;
  }
  return false;
}

}  // namespace

Type Type::IntRange(int64_t low, int64_t high) {
  Type t(kIntBit);
  t.low_ = low;
  t.high_ = high;
  return t;
}

Type Type::Instance(uint32_t version) {
  Type t(kInstanceBit);
  t.version_ = version;
  return t;
}

Type Type::Join(const Type& other) const {
  if (IsBottom()) return other;
  if (other.IsBottom()) return *this;
  Type t(bits_ | other.bits_);
  bool here = MayBe(kIntBit), there = other.MayBe(kIntBit);
  if (here && there) {
    t.low_ = std::min(low_, other.low_);
    t.high_ = std::max(high_, other.high_);
  } else if (here || there) {
    t.low_ = here ? low_ : other.low_;
    t.high_ = here ? high_ : other.high_;
  }
  here = MayBe(kInstanceBit), there = other.MayBe(kInstanceBit);
  if (here && there) t.version_ = version_ == other.version_ ? version_ : 0;
  else if (here || there) t.version_ = here ? version_ : other.version_;
  return t;
}

Type Type::Meet(const Type& other) const {
  Type t(bits_ & other.bits_);
  if (t.MayBe(kIntBit)) {
    t.low_ = std::max(low_, other.low_);
    t.high_ = std::min(high_, other.high_);
    if (t.low_ > t.high_) t.bits_ &= ~kIntBit, t.low_ = INT64_MIN, t.high_ = INT64_MAX;
  }
  if (t.MayBe(kInstanceBit)) {
    if (version_ != 0 && other.version_ != 0 && version_ != other.version_) t.bits_ &= ~kInstanceBit;
    else t.version_ = version_ != 0 ? version_ : other.version_;
  }
  return t;
}

std::string Type::ToString() const {
  if (IsBottom()) return "bottom";
  if (*this == Any()) return "any";
  if (*this == Bound()) return "bound";
  std::string text;
  for (const Name& n : kNames) {
    if (!MayBe(n.bit)) continue;
    absl::StrAppend(&text, text.empty() ? "" : "|", n.text);
    if (n.bit == kIntBit && (low_ != INT64_MIN || high_ != INT64_MAX)) absl::StrAppend(&text, "[", low_, ",", high_, "]");
    if (n.bit == kInstanceBit && version_ != 0) absl::StrAppend(&text, "#", version_);
  }
  return text;
}

bool Type::Parse(absl::string_view text, Type* out) {
  if (text == "any") return *out = Any(), true;
  if (text == "bound") return *out = Bound(), true;
  *out = Type();
  if (text == "bottom") return true;
  for (absl::string_view part : absl::StrSplit(text, '|')) {
    Type t;
    if (!ParsePart(part, &t)) return false;
    *out = out->Join(t);
  }
  return true;
}

}  // namespace tierjit::tier2
