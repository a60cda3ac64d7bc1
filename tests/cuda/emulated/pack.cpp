#include "guarded.hpp"
//
#include "cuda/pack.cu"

extern "C" {
int running_sums(const int32_t* lengths, int32_t* cu_seqlens, int64_t count, uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::running_sums(lengths, cu_seqlens, count, nullptr); });
}
int pack_rows(const int32_t* tokens, const uint8_t* is_trained, const int64_t* starts, const int32_t* rows, const int32_t* cu_seqlens,
              int64_t count, int32_t* input_ids, int32_t* position_ids, int64_t* labels, uint64_t seed) {
  return guarded(
      seed, [&] { ayar::cuda::pack_rows(tokens, is_trained, starts, rows, cu_seqlens, count, input_ids, position_ids, labels, nullptr); });
}
}
