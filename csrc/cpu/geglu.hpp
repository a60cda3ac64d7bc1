// GEGLU (Shazeer, 2020) with the tanh form of GELU (Hendrycks & Gimpel, 2016), as in Gemma:  y = gelu(gate) · up,
//   gelu(g) = g/2 · (1 + tanh(√(2/π) (g + 0.044715 g³))) = g · σ(2 √(2/π) (g + 0.044715 g³)),  gate_up = [gate | up].
// gate_up, dgate_up: [rows, 2 · cols], y, dy: [rows, cols], fp32 or bf16. Only gate_up is kept for the backward pass.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void geglu_forward(View gate_up, View y); void geglu_backward(View dy, View gate_up, View dgate_up);)
}  // namespace ayar::cpu
