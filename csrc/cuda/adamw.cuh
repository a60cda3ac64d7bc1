// AdamW (Loshchilov & Hutter, 2019, arXiv 1711.05101) over many tensors in one launch, with fp32 masters; the gradient's norm and the
// clipping without the host. Formula and reference: ayar/ops/adamw.py.
#pragma once

#include <cstdint>

namespace ayar::cuda {

// What changes from step to step, in device memory, so that a captured graph can be replayed: learning_rate, beta1, beta2, eps,
// weight_decay, 1 − beta1^step, 1 − beta2^step.
constexpr int kAdamwSettings = 7;

// Where the updated values of one tensor also go, as bf16: `scale` · (rows, cols) into rows `stride` elements apart, transposed never.
// So A and sB reach the borders of the frozen weights in the launch that changes them.
struct BorderCopy {
  int64_t offset;      // of the tensor in the flat buffers
  int64_t rows, cols;  // rows · cols elements
  uint16_t* target;    // bf16, or null: no copy
  int64_t stride;
  float scale;
};

// parameter, gradient, exp_avg, exp_avg_sq: (count,) fp32 flat buffers. clip: one float on the device that the gradient is multiplied
// with, or null. borders: `border_count` entries on the device, their tensors disjoint and ascending. Asynchronous on stream.
void adamw(float* parameter, const float* gradient, float* exp_avg, float* exp_avg_sq, int64_t count, const float* settings,
           const float* clip, const BorderCopy* borders, int border_count, void* stream);

// The same with both moments in 8 bits (Dettmers et al., 2022, arXiv 2110.02861): blocks of 256 share an absmax; a code is an index into a
// table of 256 ascending values in [−1, 1] (exp_avg) and [0, 1] (exp_avg_sq). absmax_*: (⌈count / 256⌉,).
void adamw_8bit(float* parameter, const float* gradient, uint8_t* exp_avg, uint8_t* exp_avg_sq, float* absmax_avg, float* absmax_sq,
                const float* signed_table, const float* unsigned_table, int64_t count, const float* settings, const float* clip,
                void* stream);

constexpr int kNormBlocks = 264;  // partial sums of the norm, whatever the size: the same bits on every chip

// norm = √Σ gradient², clip = min(1, max_norm / (norm + 1e-6)), both one float on the device. partial: (kNormBlocks,) double scratch.
void gradient_norm(const float* gradient, int64_t count, float max_norm, double* partial, float* norm, float* clip, void* stream);

}  // namespace ayar::cuda
