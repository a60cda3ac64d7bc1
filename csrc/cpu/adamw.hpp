// AdamW (Loshchilov & Hutter, 2019), decoupled weight decay, bias-corrected; everything fp32, one pass over memory:
//   p ← p · (1 − η λ),  m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  p ← p − η · m̂ / (√v̂ + ε),  m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ).
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void adamw(View parameter, View gradient, View exp_avg, View exp_avg_sq, double learning_rate, double beta1, double beta2,
                         double eps, double weight_decay, int64_t step);
              // Σ x² in double: blocks of fixed size, added in their order, so the sum does not depend on the threads.
              double square_sum(View x);)
}  // namespace ayar::cpu
