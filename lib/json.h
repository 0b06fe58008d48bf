// Just enough to write JSON. [any]
#ifndef TIERJIT_LIB_JSON_H_
#define TIERJIT_LIB_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tierjit {

// `text` (UTF-8) quoted and escaped.
std::string JsonString(std::string_view text);

// Builds one object, members in the order of the calls.
class JsonObject {
 public:
  void Int(std::string_view key, int64_t value);
  void Bool(std::string_view key, bool value) { Raw(key, value ? "true" : "false"); }
  void String(std::string_view key, std::string_view value) { Raw(key, JsonString(value)); }
  // `json` is JSON text already.
  void Raw(std::string_view key, std::string_view json);
  std::string Text() const { return body_ + "}"; }

 private:
  std::string body_ = "{";
};

// The same for an array.
class JsonList {
 public:
  void Raw(std::string_view json) {
    if (body_.size() > 1) body_ += ", ";
    body_ += json;
  }
  std::string Text() const { return body_ + "]"; }

 private:
  std::string body_ = "[";
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_JSON_H_
