// RMSNorm (rms_norm.hpp) of single heads, as Qwen3 and Gemma 3 do with queries and keys: head h of a token is scaled by weight row h; heads
// that have no row (the values) are copied.  x, y, dy, dx: [tokens · heads, head_dim] fp32 or bf16.  weight: [normed heads, head_dim] fp32.
// rstd: [tokens, normed heads] fp32.  The weights are frozen.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void head_norm_forward(View x, View weight, float eps, View y, View rstd);
              void head_norm_backward(View dy, View x, View weight, View rstd, View dx);)
}  // namespace ayar::cpu
