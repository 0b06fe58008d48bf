#include "tests/ir/expectation.h"

#include <fstream>
#include <regex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tierjit::tier2::test {
namespace {

using Captures = std::map<std::string, std::string>;

// A pattern as a regular expression; `fresh` are the captures that it defines, in the order of its groups.
std::string RegexOf(const std::string& pattern, const Captures& known, std::vector<std::string>* fresh) {
  static const std::string kSpecial = R"(.^$|()[]{}*+?\)";
  std::string regex;
  for (size_t i = 0; i < pattern.size(); i++) {
    if (pattern.compare(i, 3, "...") == 0) {
      regex += ".*";
      i += 2;
    } else if (pattern[i] == '{') {
      size_t end = pattern.find('}', i);
      std::string name = pattern.substr(i + 1, end - i - 1);
      auto before = std::find(fresh->begin(), fresh->end(), name);
      if (auto it = known.find(name); it != known.end()) regex += it->second + "\\b";
      else if (before != fresh->end()) absl::StrAppend(&regex, "\\", before - fresh->begin() + 1, "\\b");
      else regex += "\\b([vbs][0-9]+)\\b", fresh->push_back(name);
      i = end;
    } else {
      if (kSpecial.find(pattern[i]) != std::string::npos) regex += '\\';
      regex += pattern[i];
    }
  }
  return regex;
}

bool Has(const std::string& line, const std::string& pattern, Captures* captures) {
  std::vector<std::string> fresh;
  std::regex regex(RegexOf(pattern, *captures, &fresh));
  std::smatch match;
  if (!std::regex_search(line, match, regex)) return false;
  for (size_t i = 0; i < fresh.size(); i++) (*captures)[fresh[i]] = match[i + 1];
  return true;
}

class Matcher {
 public:
  explicit Matcher(const std::string& text) : lines_(absl::StrSplit(text, '\n', absl::SkipEmpty())) {}

  std::string Run(const std::vector<Expectation>& expectations) {
    for (const Expectation& e : expectations) {
      if (e.kind == Expectation::Kind::kNot) {
        forbidden_.push_back(e.pattern);
        continue;
      }
      size_t found = Find(e);
      if (found == lines_.size()) return absl::StrCat("not found: ", e.pattern);
      if (std::string wrong = Forbidden(found); !wrong.empty()) return wrong;
      at_ = found + 1;
    }
    return Forbidden(lines_.size());
  }

 private:
  size_t Find(const Expectation& e) {
    size_t end = e.kind == Expectation::Kind::kNext ? std::min(at_ + 1, lines_.size()) : lines_.size();
    for (size_t i = at_; i < end; i++) {
      if (Has(lines_[i], e.pattern, &captures_)) return i;
    }
    return lines_.size();
  }

  std::string Forbidden(size_t end) {
    for (const std::string& pattern : forbidden_) {
      for (size_t i = at_; i < end; i++) {
        Captures captures = captures_;
        if (Has(lines_[i], pattern, &captures)) return absl::StrCat("must not be there: ", pattern, " in", lines_[i]);
      }
    }
    forbidden_.clear();
    return "";
  }

  std::vector<std::string> lines_;
  size_t at_ = 0;
  Captures captures_;
  std::vector<std::string> forbidden_;
};

void Directive(absl::string_view text, Case* c) {
  std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits(": ", 1));
  std::string rest(absl::StripAsciiWhitespace(parts.second));
  if (parts.first == "RUN") c->passes = absl::StrSplit(rest, ", ");
  else if (parts.first == "ERROR") c->error = rest;
  else if (parts.first == "CHECK") c->expectations.push_back({Expectation::Kind::kCheck, rest});
  else if (parts.first == "NEXT") c->expectations.push_back({Expectation::Kind::kNext, rest});
  else if (parts.first == "NOT") c->expectations.push_back({Expectation::Kind::kNot, rest});
}

}  // namespace

std::string Match(const std::vector<Expectation>& expectations, const std::string& text) { return Matcher(text).Run(expectations); }

std::vector<Case> ReadCases(const std::string& path) {
  std::ifstream file(path);
  std::vector<Case> cases;
  std::string line;
  for (int number = 1; std::getline(file, line); number++) {
    absl::string_view s = line;
    if (absl::ConsumePrefix(&s, "== ")) {
      cases.emplace_back();
      cases.back().name = std::string(s);
      cases.back().line = number;
    } else if (!cases.empty()) {
      if (absl::ConsumePrefix(&s, "; ")) Directive(s, &cases.back());
      absl::StrAppend(&cases.back().graph, line, "\n");
    }
  }
  return cases;
}

}  // namespace tierjit::tier2::test
