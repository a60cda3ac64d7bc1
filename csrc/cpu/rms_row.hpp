// RMSNorm of one row, forward and backward: formulas in rms_norm.hpp.
#pragma once

#include "core/view.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

template <class T>
float norm_row(const T* x, const float* weight, float eps, int64_t cols, T* y) {
  float square_sum = 0;
#pragma omp simd reduction(+ : square_sum)  // strict IEEE order would keep this sum scalar
  for (int64_t c = 0; c < cols; ++c) square_sum += load(x + c) * load(x + c);
  const float rstd = 1 / __builtin_sqrtf(square_sum / static_cast<float>(cols) + eps);
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) store(y + c, load(x + c) * rstd * weight[c]);
  return rstd;
}

// dresidual: a further gradient of x, added before dx is rounded; or null.
template <class T>
void norm_row_backward(const T* dy, const T* x, const float* weight, float rstd, int64_t cols, const T* dresidual, T* dx) {
  float projection = 0;
#pragma omp simd reduction(+ : projection)
  for (int64_t c = 0; c < cols; ++c) projection += load(dy + c) * weight[c] * load(x + c);
  const float pull = projection / static_cast<float>(cols) * rstd * rstd;
  if (dresidual == nullptr) {
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) store(dx + c, rstd * (load(dy + c) * weight[c] - load(x + c) * pull));
    return;
  }
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) store(dx + c, rstd * (load(dy + c) * weight[c] - load(x + c) * pull) + load(dresidual + c));
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
