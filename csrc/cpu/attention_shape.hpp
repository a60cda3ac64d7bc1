// The sizes that both directions of attention work with, checked once before anything is read.
#pragma once

#include "cpu/panels.hpp"
#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {

struct AttentionShape {
  int64_t tokens, num_heads, num_kv_heads, group, head_dim;
  int64_t padded_dim;    // head_dim rounded up to whole registers
  int64_t token_stride;  // elements of qkv from one token to the next
  float scale;
  int64_t window;  // 0: none
  float softcap;   // 0: none
};

AYAR_INLINE AttentionShape attention_shape(View qkv, int64_t num_heads, int64_t num_kv_heads, float scale, int64_t window, float softcap,
                                           View y, View logsumexp) {
  AYAR_REQUIRE(num_heads >= 1 && num_kv_heads >= 1 && num_heads % num_kv_heads == 0 && scale > 0 && window >= 0 && softcap >= 0);
  const int64_t heads = num_heads + 2 * num_kv_heads, head_dim = qkv.cols(), tokens = qkv.rows() / heads;
  AYAR_REQUIRE(qkv.rows() == tokens * heads && head_dim >= 1 && qkv.is_contiguous());
  AYAR_REQUIRE(y.size() == tokens * num_heads * head_dim && y.is_contiguous() && y.dtype() == qkv.dtype());
  AYAR_REQUIRE(logsumexp.size() == tokens * num_heads && logsumexp.is_contiguous() && logsumexp.dtype() == DType::float32);
  return {tokens, num_heads, num_kv_heads, num_heads / num_kv_heads, head_dim, round_up(head_dim, kLanes), heads * head_dim,
          scale,  window,    softcap};
}

}  // namespace ayar::cpu::AYAR_ISA
