// RMSNorm of one row, forward and backward: formulas in rms_norm.hpp.
#pragma once

#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kSumStep = 4 * kLanes;  // four sums: one chain of additions would set the pace

// Σ over the columns: registers(c, sum) adds a register of terms from column c on, single(c) is the term of one.
template <class Registers, class Single>
AYAR_INLINE float sum_of_row(int64_t cols, const Registers& registers, const Single& single) {
  Floats sum[4] = {};
  int64_t c = 0;
  for (; c + kSumStep <= cols; c += kSumStep) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sum[i] = registers(c + i * kLanes, sum[i]);
  }
  for (; c + kLanes <= cols; c += kLanes) sum[0] = registers(c, sum[0]);
  float total = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]))[0];
  for (; c < cols; ++c) total += single(c);
  return total;
}

template <class T>
float norm_row(const T* x, const float* weight, float eps, int64_t cols, T* y) {
  const float square_sum = sum_of_row(
      cols,
      [&](int64_t c, Floats sum) __attribute__((always_inline)) {
        const Floats value = load_vector(x + c);
        return value * value + sum;
      },
      [&](int64_t c) __attribute__((always_inline)) { return load(x + c) * load(x + c); });
  const float rstd = 1 / __builtin_sqrtf(square_sum / static_cast<float>(cols) + eps);
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) store_vector(y + c, load_vector(x + c) * rstd * load_vector(weight + c));
  for (; c < cols; ++c) store(y + c, load(x + c) * rstd * weight[c]);
  return rstd;
}

// dresidual: a further gradient of x, added before dx is rounded; or null.
template <class T>
void norm_row_backward(const T* dy, const T* x, const float* weight, float rstd, int64_t cols, const T* dresidual, T* dx) {
  const float projection = sum_of_row(
      cols,
      [&](int64_t c, Floats sum)
          __attribute__((always_inline)) { return load_vector(dy + c) * load_vector(weight + c) * load_vector(x + c) + sum; },
      [&](int64_t c) __attribute__((always_inline)) { return load(dy + c) * weight[c] * load(x + c); });
  const float pull = projection / static_cast<float>(cols) * rstd * rstd;
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) {
    const Floats own = rstd * (load_vector(dy + c) * load_vector(weight + c) - load_vector(x + c) * pull);
    store_vector(dx + c, dresidual == nullptr ? own : own + load_vector(dresidual + c));
  }
  for (; c < cols; ++c) {
    const float own = rstd * (load(dy + c) * weight[c] - load(x + c) * pull);
    store(dx + c, dresidual == nullptr ? own : own + load(dresidual + c));
  }
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
