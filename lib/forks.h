// Threads of the library are gone while the process forks, as the interpreter warns of threads then. Who has one parks it when it is told,
// and brings it back later, in both processes.
#ifndef TIERJIT_LIB_FORKS_H_
#define TIERJIT_LIB_FORKS_H_

#include "runtime/cpython/python.h"

namespace tierjit {

class HasThread {
 public:
  virtual ~HasThread() = default;
  // A fork is about to happen: the thread is gone afterwards. [GIL]
  virtual void ParkForFork() = 0;
};

// Has `owner` told from now on. False when forks of this interpreter cannot be noticed. [GIL]
bool TellOfForks(HasThread* owner);
// Nobody is told any more; for the end of the interpreter. [GIL]
void EndForks();
// Whether the program may still be inside of the last os.fork(), where the interpreter may not have counted threads yet. [GIL]
bool MayBeForking(PyThreadState* ts);

}  // namespace tierjit

#endif  // TIERJIT_LIB_FORKS_H_
