// The machine's limit, as the GEMM's own arithmetic sees it: multiply-adds on registers alone.
#pragma once

#include "cpu/isa.hpp"

namespace ayar::cpu {
// GFLOP/s of all threads of the pool together; of each thread the best slice of a millisecond or so within `seconds` counts.
AYAR_EACH_ISA(double peak_gflops(bool bf16, double seconds);)
}  // namespace ayar::cpu
