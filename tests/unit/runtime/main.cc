// Entry point of the unit tests: an interpreter lives for as long as the tests run, and the main thread holds its GIL.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "runtime/cpython/python.h"

int main(int argc, char** argv) {
  Py_InitializeEx(0);
  doctest::Context context(argc, argv);
  int result = context.run();
  int finalised = Py_FinalizeEx();
  return result != 0 ? result : finalised != 0;
}
