// SwiGLU (Shazeer, 2020):  y = silu(gate) · up,  silu(g) = g · σ(g),  gate_up = [gate | up].
//   dgate = dy · up · σ · (1 + gate · (1 − σ)),  dup = dy · gate · σ.   σ is computed again, only gate_up is kept.
// gate_up, dgate_up: [rows, 2 · cols], y, dy: [rows, cols], fp32 or bf16.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void swiglu_forward(View gate_up, View y); void swiglu_backward(View dy, View gate_up, View dgate_up);)
}  // namespace ayar::cpu
