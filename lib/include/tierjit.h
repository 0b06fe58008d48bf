/* tierjit's C interface: attach the JIT to the CPython interpreter of this process, steer it, look inside.
 *
 * Plain C99, usable from C++; Python.h is not needed. A Python object is passed as `void *` (a `PyObject *`, borrowed).
 *
 * Rules that hold for every function:
 *  - No function sets a Python exception, clears one that is pending, or ends the process.
 *  - A function that can fail returns a tj_status (0 is success) and, where it takes `tj_error **err`, stores a new
 *    error object there on failure. `err` may be NULL. The caller frees the object with tj_error_free().
 *  - Text is UTF-8. `char *` results belong to the caller, who frees them with tj_free(); `const char *` results live
 *    for ever.
 *  - Thread rule, in brackets: [GIL] the calling thread is attached to the main interpreter (holds the GIL); [any] any
 *    thread.
 *  - Only the main interpreter is served; in a sub-interpreter everything stays interpreted, and tj_attach(), tj_set_mode() and
 *    tj_compile() are TJ_EUNAVAILABLE there.
 *  - After fork() nothing needs to be done: the threads of the library are gone while os.fork() runs, and code pages
 *    are private to the process. fork() behind the interpreter's back is noticed later, at the next use of a thread.
 */
#ifndef TIERJIT_H_
#define TIERJIT_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TJ_API __attribute__((visibility("default")))
#else
#define TJ_API
#endif

#define TIERJIT_VERSION_MAJOR 0
#define TIERJIT_VERSION_MINOR 1
#define TIERJIT_VERSION_PATCH 0

/* Number of the binary interface: grows only when a program that was compiled with an older header would break. */
#define TIERJIT_ABI 1

/* Never renumbered. */
typedef enum tj_status {
  TJ_OK = 0,
  TJ_EUNKNOWN_OPTION = 1, /* no such option or counter */
  TJ_EVALUE = 2,          /* the value is out of the option's range */
  TJ_ETYPE = 3,           /* the value or the object has the wrong type */
  TJ_EUNAVAILABLE = 4,    /* tierjit cannot work in this process; the message says why */
  TJ_EREFUSED = 5,        /* this function cannot be compiled; the message starts with a stable code "TJ-nnn: " */
  TJ_ESTATE = 6,          /* not attached, or the interpreter is not running */
  TJ_EABI = 7,            /* header and library do not fit */
  TJ_EINTERNAL = 8        /* out of memory or a defect */
} tj_status;

typedef struct tj_error tj_error;

/* The status that came with the error. TJ_OK for NULL. [any] */
TJ_API tj_status tj_error_code(const tj_error *error);
/* One line for people; lives as long as `error`. "" for NULL. [any] */
TJ_API const char *tj_error_message(const tj_error *error);
/* NULL is allowed. [any] */
TJ_API void tj_error_free(tj_error *error);
/* Frees text that a function of this interface returned. NULL is allowed. [any] */
TJ_API void tj_free(void *text);

/* 1 if the last of the functions below that return a status, text or a counter got no memory: the status is TJ_EINTERNAL without an error
 * then, the text NULL. Else 0. [GIL] */
TJ_API int tj_out_of_memory(void);

/* Version of the loaded library, "major.minor.patch". [any] */
TJ_API const char *tj_version(void);
/* TIERJIT_ABI of the loaded library. [any] */
TJ_API int tj_abi_version(void);

/* ---- Life -------------------------------------------------------------------------------------------------------- */

enum {
  /* Read TIERJIT and TIERJIT_<OPTION> from the environment. A host that does not ask for it is not steered by it.
   * Options that are unknown or have a bad value give one warning line each on stderr; TIERJIT=0 makes tierjit
   * unavailable. */
  TJ_ATTACH_ENVIRONMENT = 1u
};

/* Attaches to the running main interpreter: checks that it is one that tierjit knows and prepares executable memory.
 * Compiles and hooks nothing yet. Attaching twice does nothing. After Py_FinalizeEx() and Py_Initialize() attach again.
 * An atexit hook of the interpreter stops compilation when it shuts down; tj_detach() is not required.
 *   abi    TIERJIT_ABI (the macro below passes it)
 *   flags  a sum of TJ_ATTACH_*
 * Errors: TJ_EABI, TJ_ESTATE, TJ_EUNAVAILABLE. The latter is also remembered for tj_why_unavailable(). [GIL] */
TJ_API tj_status tj_attach_abi(int abi, unsigned flags, tj_error **err);
#define tj_attach(flags, err) tj_attach_abi(TIERJIT_ABI, (flags), (err))

/* Switches off and gives every function its own entry back. Machine code of functions that still exist is kept until
 * they die, since it may be running further up the stack, and with it the watchers that it relies on. Does nothing when
 * not attached. [GIL] */
TJ_API void tj_detach(void);

/* NULL when tierjit works here (attached), else the reason in words. The text lives until the next call. [GIL] */
TJ_API const char *tj_why_unavailable(void);

/* ---- Configuration ----------------------------------------------------------------------------------------------- */

/* Sets an option. May be called before tj_attach(). tj_get_config() lists all of them with type, range, default,
 * meaning.
 *   key    name of the option; an unknown one is TJ_EUNKNOWN_OPTION and the message names the nearest known
 *   value  text; numbers in decimal, booleans as 0/1, true/false, on/off, yes/no
 * Errors: TJ_EUNKNOWN_OPTION, TJ_ETYPE, TJ_EVALUE (outside of the range; the option keeps its value). [GIL] */
TJ_API tj_status tj_configure(const char *key, const char *value, tj_error **err);
/* The same with a number. Booleans take 0 and 1. [GIL] */
TJ_API tj_status tj_configure_int(const char *key, int64_t value, tj_error **err);
/* The same with a floating-point number, which for an integer option must be whole. [GIL] */
TJ_API tj_status tj_configure_double(const char *key, double value, tj_error **err);

/* All options as a JSON object {"name": value, ...}; with `described` != 0
 * {"name": {"value":, "default":, "type": "int|bool|str", "min":, "max":, "env":, "doc":}, ...}. NULL when out of
 * memory. [GIL] */
TJ_API char *tj_get_config(int described);

/* ---- Control ----------------------------------------------------------------------------------------------------- */

typedef enum tj_mode {
  /* A function: never compile it, and run it interpreted from now on. NULL: switch tierjit off for all functions. */
  TJ_OFF = 0,
  /* A function: take back TJ_OFF and count its calls again. NULL: switch on, for existing and new functions. */
  TJ_ON = 1,
  /* Back to cold: the next calls are interpreted and counted again. A function that was refused is tried again. */
  TJ_FLUSH = 2
} tj_mode;

typedef enum tj_scope {
  TJ_SELF = 0,
  TJ_RECURSE = 1 /* also the functions that are defined inside of it, existing and future ones */
} tj_scope;

/* Sets the mode of one function, or of all (func == NULL, where `scope` does not matter).
 * A mode belongs to the function's code: all functions made by one `def` or `lambda` share it.
 * Cost: one walk over all objects that the garbage collector knows. A call that is running finishes as it began.
 *   func  function, bound method or code object, or NULL
 * Errors: TJ_ESTATE (not attached), TJ_ETYPE (no such object). [GIL] */
TJ_API tj_status tj_set_mode(void *func, tj_mode mode, tj_scope scope, tj_error **err);

/* 1 after tj_set_mode(NULL, TJ_ON), else 0. [GIL] */
TJ_API int tj_is_enabled(void);

/* While the pause count is above zero nothing new is compiled; compiled code keeps running. `delta` is +1 or -1.
 * Returns the new count; it never falls below zero. [GIL] */
TJ_API int tj_pause(int delta);

/* Compiles a function now, whatever its count, also when tierjit is switched off or paused. Compiling it
 * again does nothing.
 *   func  function, bound method or code object; a function object given here is entered natively from its next call
 *   tier  0: the best there is; 1: copy-and-patch. Others are TJ_EVALUE
 * Errors: TJ_ESTATE, TJ_ETYPE, TJ_EVALUE, TJ_EREFUSED (the function stays interpreted; so does one in mode TJ_OFF).
 * [GIL] */
TJ_API tj_status tj_compile(void *func, int tier, tj_error **err);

/* ---- Questions --------------------------------------------------------------------------------------------------- */

/* Tier (0 = interpreted, 1) in which the next call of the function, method or code object will run; -1 for other
 * objects. [GIL] */
TJ_API int tj_is_compiled(void *func);

/* Why the function is not compiled: NULL when it is, otherwise a line of text; refusals start with "TJ-nnn: ". [GIL] */
TJ_API char *tj_why_not(void *func);

/* What is known about one function, as a JSON object; NULL for objects that are no function, method or code. Keys:
 * name, tier, state ("cold", "compiled", "refused", "off"), why_not, calls (counted before compilation), instructions,
 * code_bytes, hot_bytes, data_bytes, compile_ns, settled (times that Tier 1 compiled it anew by the types seen), entries,
 * back_edges, slow_calls (of the compiled code), tier2.
 * `tier2` is an array of what the optimising tier knows of the function as a whole, and of each of its loops, where they were hot enough:
 *   kind           "function", "loop"
 *   line, offset   of its start, in the source and in the bytecode
 *   phase          "cold", "profiled", "known" (to be inlined into callers), "optimised", "given up"
 *   why_not        why it is not optimised, or ""
 *   compiles, compile_ns, code_bytes (of the machine code in use), entries (of a loop)
 *   exits          array of {function, line, reason, resumes_in, count}: how often it was left in which line, of itself or of an inlined
 *                  function, and where execution went on. reason: "speculation" (what was
 *                  seen before does not hold), "unlifted" (the way was never gone before), "death" (of
 *                  an object, and the program might notice), "interruption"
 *   symbols        object: address that the machine code names, in decimal -> what it is
 * [GIL] */
TJ_API char *tj_info_json(void *func);

/* Where compiled code leaves its fast paths most often: at most `limit` lines "visits function:line opcode oparg", most visited
 * first. The answer to "why is this slow". [GIL] */
TJ_API char *tj_slow_sites(int limit);

/* One line an emission: bytecode offset, stencil, address, size in bytes. NULL when not compiled. [GIL] */
TJ_API char *tj_dump(void *func);

/* What the optimising tier made of the function and its loops, as text, one after the other, each below a line "=== name, loop in line N".
 *   what  "ir" (behind the last pass), "passes" (behind each), a pass ("lift", "simplify", "gvn", ...), "feedback", "mir"
 * NULL when there is none, or none was kept: option tier2_texts. [GIL] */
TJ_API char *tj_dump_tier2(void *func, const char *what);

/* Where the machine code lies; valid until the function's code object dies.
 *   begin  receives the address
 *   size   receives the number of bytes
 * Errors: TJ_ETYPE, TJ_ESTATE (not compiled). [GIL] */
TJ_API tj_status tj_machine_code(void *func, const void **begin, size_t *size, tj_error **err);

/* The same for what the optimising tier made; valid until the function's code object dies.
 *   index  in `tier2` of tj_info_json()
 * Errors: TJ_ETYPE, TJ_ESTATE (not optimised). [GIL] */
TJ_API tj_status tj_tier2_code(void *func, int index, const void **begin, size_t *size, tj_error **err);

/* Value of one counter of tj_stats_json() with a whole-numbered value, -1 if there is none of that name. [GIL] */
TJ_API int64_t tj_counter(const char *name);

/* All counters since attaching, or since the last call with `reset` != 0, as a JSON object: whole numbers, except
 *   native_share    bytecodes run in compiled code / all bytecodes of functions that tierjit handles (estimates), or
 *                   null
 *   refusals        object: code "TJ-nnn" -> number of functions
 *   refusal_texts   object: code -> the reason in words
 *   tier2_refusals  object: why loops and functions were not optimised -> how often that was found
 *   loop_door       "on", "off", or why loops that are already running cannot be entered
 * Times are nanoseconds (`_ns`), sizes bytes (`_bytes`). NULL when out of memory. [GIL] */
TJ_API char *tj_stats_json(int reset);

#ifdef __cplusplus
}
#endif

#endif /* TIERJIT_H_ */
