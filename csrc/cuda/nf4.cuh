// NF4 (Dettmers et al., 2023, QLoRA, arXiv 2305.14314, appendix E), in the layout that bitsandbytes documents: the tensor is cut, flat
// and row-major, into blocks of 64; a block has one fp32 absmax; a value is absmax · codebook[4-bit code]; element 2j lies in the high
// nibble of byte j, element 2j + 1 in the low one. Formula and reference: ayar/ops/nf4.py.
#pragma once

#include <cstdint>

namespace ayar::cuda {

constexpr int kNf4Block = 64;

// value[i] = absmax[i / 64] · codebook[code of i], i-th element of a matrix of `cols` columns (a multiple of 8) whose rows lie `stride`
// elements apart (a multiple of 8). count: a multiple of 64. Device pointers, 16-byte aligned. Asynchronous on stream.
void nf4_dequantize(const uint8_t* code, const float* absmax, float* value, int64_t count, int64_t cols, int64_t stride, void* stream);
void nf4_dequantize(const uint8_t* code, const float* absmax, uint16_t* bfloat16_value, int64_t count, int64_t cols, int64_t stride,
                    void* stream);

// absmax[b] = max |value| of block b; code = the codebook entry nearest to value / absmax, the lower one of two (0 for a block of zeros).
void nf4_quantize(const float* value, uint8_t* code, float* absmax, int64_t count, void* stream);

}  // namespace ayar::cuda
