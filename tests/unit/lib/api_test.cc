// The C interface: error objects, statuses, texts, and that a pending exception stays.
#include "lib/include/tierjit.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/policy.h"
#include "tests/unit/runtime/python_source.h"

namespace tierjit {
namespace {

std::string Taken(char* text) {
  std::string copy = text != nullptr ? text : "(null)";
  tj_free(text);
  return copy;
}

struct Error {
  tj_error* error = nullptr;
  ~Error() { tj_error_free(error); }
  std::string message() const { return tj_error_message(error); }
};

struct Attached {
  Attached() { REQUIRE(tj_attach(0, nullptr) == TJ_OK); }
  ~Attached() { tj_detach(); }
};

TEST_CASE("api: versions, and a header that does not fit") {
  CHECK(tj_version() == absl::StrCat(TIERJIT_VERSION_MAJOR, ".", TIERJIT_VERSION_MINOR, ".", TIERJIT_VERSION_PATCH));
  CHECK(tj_abi_version() == TIERJIT_ABI);
  Error e;
  CHECK(tj_attach_abi(TIERJIT_ABI + 1, 0, &e.error) == TJ_EABI);
  CHECK(tj_error_code(e.error) == TJ_EABI);
  CHECK(!e.message().empty());
}

TEST_CASE("api: no error is TJ_OK and an empty text") {
  CHECK(tj_error_code(nullptr) == TJ_OK);
  CHECK(std::string(tj_error_message(nullptr)) == "");
  tj_error_free(nullptr);
  tj_free(nullptr);
}

TEST_CASE("api: configuring") {
  Error unknown, range, type;
  CHECK(tj_configure("tier1_treshold", "3", &unknown.error) == TJ_EUNKNOWN_OPTION);
  CHECK(unknown.message().find("tier1_threshold") != std::string::npos);
  CHECK(tj_configure_int("tier1_threshold", 0, &range.error) == TJ_EVALUE);
  CHECK(tj_configure("tier1_threshold", "x", &type.error) == TJ_ETYPE);
  CHECK(tj_configure_double("tier1_threshold", 0.5, nullptr) == TJ_ETYPE);
  CHECK(tj_configure_double("tier1_threshold", 4.0, nullptr) == TJ_OK);
  CHECK(Taken(tj_get_config(0)).find("\"tier1_threshold\": 4") != std::string::npos);
  CHECK(Taken(tj_get_config(1)).find("\"env\": \"TIERJIT_LOG\"") != std::string::npos);
}

TEST_CASE("api: not attached") {
  Ref f = FunctionFrom("def f(): pass\n");
  CHECK(tj_why_unavailable() != nullptr);
  CHECK(tj_compile(f.get(), 0, nullptr) == TJ_ESTATE);
  CHECK(tj_set_mode(nullptr, TJ_ON, TJ_SELF, nullptr) == TJ_ESTATE);
  CHECK(tj_is_compiled(f.get()) == 0);
  CHECK(tj_is_enabled() == 0);
  tj_detach();
}

TEST_CASE("api: compiling, asking and looking inside") {
  Attached attached;
  Ref f = FunctionFrom("def f(a): return a + 1\n"), g = FunctionFrom("def f(): return 1\n");
  CHECK(tj_why_unavailable() == nullptr);
  const void* begin;
  size_t size;
  CHECK(tj_machine_code(f.get(), &begin, &size, nullptr) == TJ_ESTATE);
  CHECK(Taken(tj_dump(f.get())) == "(null)");
  CHECK(tj_compile(f.get(), 1, nullptr) == TJ_OK);
  CHECK(tj_compile(f.get(), 0, nullptr) == TJ_OK);
  CHECK(tj_is_compiled(f.get()) == 1);
  CHECK(Taken(tj_why_not(f.get())) == "(null)");
  CHECK(tj_machine_code(f.get(), &begin, &size, nullptr) == TJ_OK);
  CHECK(size > 20);
  CHECK(Taken(tj_dump(f.get())).find("int_add_LN") != std::string::npos);
  CHECK(Taken(tj_info_json(f.get())).find("\"state\": \"compiled\"") != std::string::npos);
  CHECK(tj_counter("compiles") == 1);
  CHECK(tj_counter("nothing") == -1);
  Error refused;
  policy().max_bytecodes = 1;
  CHECK(tj_compile(g.get(), 1, &refused.error) == TJ_EREFUSED);
  policy().max_bytecodes = Policy().max_bytecodes;
  CHECK(refused.message().substr(0, 7) == "TJ-901:");
  CHECK(tj_compile(f.get(), 7, nullptr) == TJ_EVALUE);
}

TEST_CASE("api: objects that are no functions") {
  Attached attached;
  CHECK(tj_compile(Py_None, 1, nullptr) == TJ_ETYPE);
  CHECK(tj_set_mode(Py_None, TJ_OFF, TJ_SELF, nullptr) == TJ_ETYPE);
  CHECK(tj_is_compiled(Py_None) == -1);
  CHECK(Taken(tj_info_json(Py_None)) == "(null)");
}

TEST_CASE("api: a pending exception stays as it is") {
  Attached attached;
  Ref f = FunctionFrom("def f(a): return a.b[1] + a\n");
  PyErr_SetString(PyExc_KeyError, "mine");
  CHECK(tj_compile(f.get(), 1, nullptr) == TJ_OK);
  CHECK(tj_set_mode(f.get(), TJ_FLUSH, TJ_RECURSE, nullptr) == TJ_OK);
  CHECK(tj_set_mode(nullptr, TJ_ON, TJ_SELF, nullptr) == TJ_OK);
  Taken(tj_info_json(f.get()));
  Taken(tj_stats_json(1));
  CHECK(tj_pause(1) == 1);
  CHECK(tj_pause(-1) == 0);
  CHECK(PyErr_ExceptionMatches(PyExc_KeyError));
  PyErr_Clear();
  CHECK(tj_is_enabled() == 1);
}

TEST_CASE("api: what the optimising tier made") {
  Attached attached;
  CHECK(tj_configure("tier2", "1", nullptr) == TJ_OK);
  CHECK(tj_configure("tier2_texts", "1", nullptr) == TJ_OK);
  CHECK(tj_configure_int("osr_threshold", 50, nullptr) == TJ_OK);
  CHECK(tj_set_mode(nullptr, TJ_ON, TJ_SELF, nullptr) == TJ_OK);
  Ref f = FunctionFrom("def f():\n s = 0\n for i in range(2000): s += i & 7\n return s\n");
  CHECK(tj_dump_tier2(f.get(), "ir") == nullptr);
  const void* begin = nullptr;
  size_t size = 0;
  Error error;
  CHECK(tj_tier2_code(f.get(), 0, &begin, &size, &error.error) == TJ_ESTATE);
  Ref result(PyObject_CallNoArgs(f.get()));
  CHECK(Taken(tj_info_json(f.get())).find("\"phase\": \"optimised\"") != std::string::npos);
  CHECK(Taken(tj_dump_tier2(f.get(), "ir")).find("graph locals=2") != std::string::npos);
  CHECK(tj_dump_tier2(f.get(), "nothing of that name") == nullptr);
  CHECK(tj_tier2_code(f.get(), 0, &begin, &size, nullptr) == TJ_OK);
  CHECK(begin != nullptr);
  CHECK(size > 0);
  CHECK(tj_tier2_code(f.get(), 1, &begin, &size, nullptr) == TJ_ESTATE);
  CHECK(tj_tier2_code(Py_None, 0, &begin, &size, nullptr) == TJ_ETYPE);
  CHECK(tj_configure("tier2", "0", nullptr) == TJ_OK);
  CHECK(tj_configure("tier2_texts", "0", nullptr) == TJ_OK);
  CHECK(tj_configure_int("osr_threshold", 20000, nullptr) == TJ_OK);
}

TEST_CASE("api: attaching many times") {
  for (int i = 0; i < 20; i++) {
    Attached attached;
    CHECK(tj_attach(0, nullptr) == TJ_OK);
    CHECK(tj_set_mode(nullptr, TJ_ON, TJ_SELF, nullptr) == TJ_OK);
    Ref f = FunctionFrom("def f():\n for i in (1, 2): pass\n");
    Ref result(PyObject_CallNoArgs(f.get()));
    CHECK(result.get() == Py_None);
    CHECK(tj_is_compiled(f.get()) == 1);
  }
}

}  // namespace
}  // namespace tierjit
