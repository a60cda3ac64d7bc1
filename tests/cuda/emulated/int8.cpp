#include "guarded.hpp"
//
#include "cuda/int8.cu"

extern "C" {
int int8_quantize(const float* value, int64_t stride, int8_t* code, float* absmax, int64_t rows, int64_t cols, uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::int8_quantize(value, stride, code, absmax, rows, cols, nullptr); });
}
int int8_dequantize_float32(const int8_t* code, const float* absmax, float* value, int64_t stride, int64_t rows, int64_t cols,
                            uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::int8_dequantize(code, absmax, value, stride, rows, cols, nullptr); });
}
int int8_dequantize_bfloat16(const int8_t* code, const float* absmax, uint16_t* value, int64_t stride, int64_t rows, int64_t cols,
                             uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::int8_dequantize(code, absmax, value, stride, rows, cols, nullptr); });
}
}
