#include "guarded.hpp"
//
#include "cuda/nf4.cu"

extern "C" {
int nf4_dequantize_float32(const uint8_t* code, const float* absmax, float* value, int64_t count, int64_t cols, int64_t stride,
                           uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::nf4_dequantize(code, absmax, value, count, cols, stride, nullptr); });
}
int nf4_dequantize_bfloat16(const uint8_t* code, const float* absmax, uint16_t* value, int64_t count, int64_t cols, int64_t stride,
                            uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::nf4_dequantize(code, absmax, value, count, cols, stride, nullptr); });
}
int nf4_quantize(const float* value, uint8_t* code, float* absmax, int64_t count, uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::nf4_quantize(value, code, absmax, count, nullptr); });
}
}
