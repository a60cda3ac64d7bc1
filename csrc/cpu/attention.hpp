// Causal attention inside each packed sequence (grouped heads), without the matrix of scores in memory (Dao et al., 2022):
//   s = scale · q kᵀ,  p = softmax(s) over the keys of the same sequence that are not later,  y = p v.
//   dv = pᵀ dy,  dp = dy vᵀ,  ds = p ∘ (dp − Σ dy ∘ y),  dq = scale · ds k,  dk = scale · dsᵀ q;  p is computed again from logsumexp.
// qkv, dqkv: [tokens · (num_heads + 2 num_kv_heads), head_dim], q heads, then k, then v.  y, dy: [tokens, num_heads · head_dim].  fp32 or
// bf16. logsumexp: [tokens, num_heads] fp32.  cu_seqlens: [sequences + 1] int32, from 0 to tokens. Sums in fp32; where the processor
// multiplies pairs of bf16, p and ds are rounded to bf16 first, as GPU kernels do. Each value has one owner and a fixed order of sums:
// results do not depend on the threads, nor on a sequence's neighbours.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void attention_forward(View qkv, View cu_seqlens, int64_t num_heads, int64_t num_kv_heads, float scale, View y,
                                     View logsumexp);
              void attention_backward(View dy, View qkv, View y, View logsumexp, View cu_seqlens, int64_t num_heads, int64_t num_kv_heads,
                                      float scale, View dqkv);)
}  // namespace ayar::cpu
