// Rotary position embedding (Su et al., 2021), "rotate half" convention: dimensions i and i + half turn together,
//   y₁ = x₁ cos − x₂ sin,  y₂ = x₂ cos + x₁ sin,  with the row of cos and sin that the token's position names.
// x, y, dy, dx: [tokens · heads, head_dim] fp32 or bf16.  cos, sin: [positions, half] fp32.  position_ids: [tokens] int32.
// The first num_rotated_heads heads of a token turn, the others are copied; so are the dimensions of a head from 2 · half on.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void rope_forward(View x, View cos, View sin, View position_ids, int64_t num_rotated_heads, View y);
              // The transposed rotation: by −sin.
              void rope_backward(View dy, View cos, View sin, View position_ids, int64_t num_rotated_heads, View dx);)
}  // namespace ayar::cpu
