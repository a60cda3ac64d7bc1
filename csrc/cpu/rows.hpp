// Rows picked out of a matrix, and rows added back to it. positions: [count] int64, in any order, repeats allowed.
// Ours rather than torch's because a torch op between two of our products leaves its OpenMP threads spinning on the cores they need.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(
    // y[i] = x[positions[i]].  x, y: fp32 or bf16.
    void gather_rows(View x, View positions, View y);
    // x[positions[i]] += y[i], in the order of i.  x, y: fp32.
    void add_rows(View y, View positions, View x);)
}  // namespace ayar::cpu
