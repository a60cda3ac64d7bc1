// Causal attention along the branches of packed trees (grouped heads), without the matrix of scores in memory (Dao et al., 2022):
//   s = scale · q kᵀ,  s = softcap · tanh(s / softcap) where there is a softcap,  p = softmax(s) over the keys that are seen,  y = p v.
//   dv = pᵀ dy,  dp = dy vᵀ,  ds = p ∘ (dp − Σ dy ∘ y) ∘ (1 − (s / softcap)²),  dq = scale · ds k,  dk = scale · dsᵀ q;  p is computed
//   again from logsumexp.
// The pack is a list of segments in preorder, each with a parent, −1 at a root: a shared beginning comes once, and what goes on from it
// follows. A token sees itself, the earlier tokens of its segment and all tokens of the segments above; where window > 0, only those that
// are fewer than `window` steps back on its path. Segments that are all roots are packed sequences.
// qkv, dqkv: [tokens · (num_heads + 2 num_kv_heads), head_dim], q heads, then k, then v.  y, dy: [tokens, num_heads · head_dim].  fp32 or
// bf16. logsumexp: [tokens, num_heads] fp32.  cu_seqlens: [segments + 1] int32, from 0 to tokens.  parents: [segments] int32. window and
// softcap: 0 for none. Sums in fp32; where the processor multiplies pairs of bf16, p and ds are rounded to bf16 first, as GPU kernels do.
// Each value has one owner and a fixed order of sums: results do not depend on the threads, nor y on anything but the token's own path.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void attention_forward(View qkv, View cu_seqlens, View parents, int64_t num_heads, int64_t num_kv_heads, float scale,
                                     int64_t window, float softcap, View y, View logsumexp);
              void attention_backward(View dy, View qkv, View y, View logsumexp, View cu_seqlens, View parents, int64_t num_heads,
                                      int64_t num_kv_heads, float scale, int64_t window, float softcap, View dqkv);)
}  // namespace ayar::cpu
