/* A program that embeds CPython and speeds it up with tierjit:
 *
 *     tierjit_embed_host [-n rounds] [-e end] [-o option=value]... script.py [argument]...
 *
 * runs the script compiled, each round in a fresh interpreter, and prints some counters of each round on stderr. How a round ends:
 *
 *     -e detach    tj_detach(), Py_FinalizeEx(): as long as nothing is said
 *     -e finalize  Py_FinalizeEx() alone; tierjit's exit hook does the rest
 *     -e exit      the process exits with the interpreter as it is
 *     -e running   the same while the script's threads go on running */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tierjit.h"

static int complain(const char *what, tj_error *error) {
  fprintf(stderr, "host: %s: %s\n", what, tj_error_message(error));
  tj_error_free(error);
  return 2;
}

/* "key=value" */
static int set_option(char *text) {
  tj_error *error = NULL;
  char *equals = strchr(text, '=');
  if (equals == NULL) {
    fprintf(stderr, "host: -o needs option=value\n");
    return 2;
  }
  *equals = '\0';
  if (tj_configure(text, equals + 1, &error) != TJ_OK) return complain("option", error);
  return 0;
}

static void print_counters(void) {
  static const char *const names[] = {"compiles", "refused", "code_bytes", "native_bytecodes", "interpreted_bytecodes"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    fprintf(stderr, "host: %s = %lld\n", names[i], (long long)tj_counter(names[i]));
  }
}

/* An isolated interpreter that sees sys.argv = arguments. */
static int start_python(int count, char **arguments) {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.use_environment = 1; /* PYTHONHOME */
  PyStatus status = PyConfig_SetBytesArgv(&config, count, arguments);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (!PyStatus_Exception(status)) return 0;
  fprintf(stderr, "host: Python does not start: %s\n", status.err_msg != NULL ? status.err_msg : "?");
  return 2;
}

/* Without a usable JIT the script runs all the same. */
static void start_tierjit(void) {
  tj_error *error = NULL;
  if (tj_attach(0, &error) != TJ_OK || tj_set_mode(NULL, TJ_ON, TJ_SELF, &error) != TJ_OK) {
    complain("running interpreted", error);
  }
}

enum end { END_DETACH, END_FINALIZE, END_EXIT, END_RUNNING };
static const char *const end_names[] = {"detach", "finalize", "exit", "running"};

/* -1: no such end */
static int find_end(const char *name) {
  for (int i = END_DETACH; i <= END_RUNNING; ++i) {
    if (strcmp(name, end_names[i]) == 0) return i;
  }
  fprintf(stderr, "host: no such end: %s\n", name);
  return -1;
}

/* Exits the process without the interpreter's own end, which would have flushed its output. */
static void leave(enum end end, int result) {
  if (PyRun_SimpleString("import sys; sys.stdout.flush()") != 0) result = 120;
  if (end == END_RUNNING) PyEval_SaveThread();
  exit(result);
}

/* One life of an interpreter. */
static int run_script(enum end end, int count, char **arguments) {
  FILE *script = fopen(arguments[0], "rb");
  if (script == NULL) {
    perror(arguments[0]);
    return 2;
  }
  int result = start_python(count, arguments);
  if (result != 0) return result;
  start_tierjit();
  result = PyRun_SimpleFileExFlags(script, arguments[0], 1, NULL) != 0;
  print_counters();
  if (end == END_EXIT || end == END_RUNNING) leave(end, result);
  if (end == END_DETACH) tj_detach();
  return Py_FinalizeEx() != 0 ? 120 : result;
}

int main(int argc, char **argv) {
  int first = 1, result = 0, end = END_DETACH;
  long rounds = 1;
  for (; first + 1 < argc && argv[first][0] == '-'; first += 2) {
    if (strcmp(argv[first], "-n") == 0) {
      rounds = strtol(argv[first + 1], NULL, 10);
    } else if (strcmp(argv[first], "-e") == 0) {
      if ((end = find_end(argv[first + 1])) < 0) return 2;
    } else if (strcmp(argv[first], "-o") != 0) {
      break;
    } else if ((result = set_option(argv[first + 1])) != 0) {
      return result;
    }
  }
  if (first >= argc || argv[first][0] == '-') {
    fprintf(stderr, "usage: %s [-n rounds] [-e end] [-o option=value]... script.py [argument]...\n", argv[0]);
    return 2;
  }
  while (rounds-- > 0 && result == 0) result = run_script((enum end)end, argc - first, argv + first);
  return result;
}
