// lift_survey [--no-code] FILE.py...: the table for these files; 1 when the verifier has something to say. `tools/dev survey` runs it.
#include <cstdio>
#include <cstring>

#include "tests/survey/survey.h"

int main(int argc, char** argv) {
  Py_InitializeEx(0);
  tierjit::tier2::test::Survey survey;
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], "--no-code") == 0) survey.lower = false;
    else if (!survey.AddFile(argv[i])) std::fprintf(stderr, "no Python: %s\n", argv[i]);
  }
  std::fputs(survey.Table().c_str(), stdout);
  int wrong = !survey.wrong.empty();
  return Py_FinalizeEx() != 0 || wrong;
}
