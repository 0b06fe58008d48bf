// From Tier 1 to Tier 2: hot loops are profiled for a while, then compiled by the optimising tier and entered at their header.
//
//   counting --(osr_threshold)--> profiled --(profiled_turns)--> compiling --> optimised --(exits that keep failing)--> compiling
//                                                                    \--(kMaxCompiles, budgets)--> given up: Tier 1 for good
//
// With policy().background a worker compiles (compile_queue.h) while the loop goes on in Tier 1's code, which asks from time to time.
#ifndef TIERJIT_LIB_PROMOTION_H_
#define TIERJIT_LIB_PROMOTION_H_

#include <vector>

#include "tier1/compiler.h"

namespace tierjit {

struct Tier2Unit;

struct PromotionCounters {
  uint64_t entries, exits;  // of loops; of all
  size_t code_bytes;
};

// Starts or stops taking hot loops over; units that exist stay. Without policy().tier2 they are only compiled anew in Tier 1, by the types
// that a profile shows. [GIL]
void StartPromotion();
void StopPromotion();
// The unit dies, and with it the loops that were made from it. [GIL]
void ForgetPromotions(tier1::Unit* unit);
// What stays in Tier 1 is compiled there anew by the types that were seen. The program waits. [GIL]
void Settle(tier1::Unit* unit);
PromotionCounters GetPromotionCounters();
// See Tier2UnitsOf(). [GIL]
void ListLoops(const tier1::Unit* unit, std::vector<Tier2Unit>* units);

}  // namespace tierjit

#endif  // TIERJIT_LIB_PROMOTION_H_
