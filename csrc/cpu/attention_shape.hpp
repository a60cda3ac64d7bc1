// The sizes that both directions of attention work with, checked once before anything is read.
#pragma once

#include "cpu/attention_blocks.hpp"

namespace ayar::cpu::AYAR_ISA {

struct AttentionShape {
  int64_t tokens, num_heads, num_kv_heads, group, head_dim;
  int64_t padded_dim;    // head_dim rounded up to whole registers
  int64_t token_stride;  // elements of qkv from one token to the next
};

AYAR_INLINE AttentionShape attention_shape(View qkv, View cu_seqlens, int64_t num_heads, int64_t num_kv_heads, float scale, View y,
                                           View logsumexp) {
  AYAR_REQUIRE(num_heads >= 1 && num_kv_heads >= 1 && num_heads % num_kv_heads == 0 && scale > 0);
  const int64_t heads = num_heads + 2 * num_kv_heads, head_dim = qkv.cols(), tokens = qkv.rows() / heads;
  AYAR_REQUIRE(qkv.rows() == tokens * heads && head_dim >= 1 && qkv.is_contiguous());
  AYAR_REQUIRE(y.size() == tokens * num_heads * head_dim && y.is_contiguous() && y.dtype() == qkv.dtype());
  AYAR_REQUIRE(logsumexp.size() == tokens * num_heads && logsumexp.is_contiguous() && logsumexp.dtype() == DType::float32);
  const int32_t* bounds = cu_seqlens.data<int32_t>();
  AYAR_REQUIRE(cu_seqlens.size() >= 1 && bounds[0] == 0 && bounds[cu_seqlens.size() - 1] == tokens);
  for (int64_t s = 0; s + 1 < cu_seqlens.size(); ++s) AYAR_REQUIRE(bounds[s] <= bounds[s + 1]);
  return {tokens, num_heads, num_kv_heads, num_heads / num_kv_heads, head_dim, round_up(head_dim, kLanes), heads * head_dim};
}

}  // namespace ayar::cpu::AYAR_ISA
