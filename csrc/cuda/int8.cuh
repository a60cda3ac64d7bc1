// int8 with one scale a row: value = q · absmax / 127, q = round(value · 127 / absmax) to nearest even. The layout of bitsandbytes'
// row-wise quantization (its CB is `code`, its SCB is `absmax`). Formula and reference: tests/cuda/references.py.
#pragma once

#include <cstdint>

namespace ayar::cuda {

// value: (rows, cols), rows `stride` elements apart. code: (rows, cols), contiguous. absmax: (rows,). Asynchronous on stream.
void int8_quantize(const float* value, int64_t stride, int8_t* code, float* absmax, int64_t rows, int64_t cols, void* stream);
void int8_dequantize(const int8_t* code, const float* absmax, float* value, int64_t stride, int64_t rows, int64_t cols, void* stream);
void int8_dequantize(const int8_t* code, const float* absmax, uint16_t* bfloat16_value, int64_t stride, int64_t rows, int64_t cols,
                     void* stream);

}  // namespace ayar::cuda
