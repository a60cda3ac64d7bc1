#include "cpu/adamw.hpp"

#include "core/scratch.hpp"
#include "core/thread_pool.hpp"
#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kBlock = 4096;

double integer_power(double base, int64_t exponent) {  // 1 − βᵗ must not depend on the libm in use
  double power = 1;
  for (; exponent > 0; exponent /= 2, base *= base) {
    if (exponent % 2 == 1) power *= base;
  }
  return power;
}

double block_square_sum(const float* x, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace

void adamw(View parameter, View gradient, View exp_avg, View exp_avg_sq, double learning_rate, double beta1, double beta2, double eps,
           double weight_decay, int64_t step) {
  AYAR_REQUIRE(gradient.size() == parameter.size() && exp_avg.size() == parameter.size() && exp_avg_sq.size() == parameter.size());
  AYAR_REQUIRE(parameter.is_contiguous() && gradient.is_contiguous() && exp_avg.is_contiguous() && exp_avg_sq.is_contiguous());
  AYAR_REQUIRE(step >= 1);
  float* p = parameter.data<float>();
  const float* g = gradient.data<float>();
  float* m = exp_avg.data<float>();
  float* v = exp_avg_sq.data<float>();
  const auto keep = static_cast<float>(1 - learning_rate * weight_decay);
  const auto rate = static_cast<float>(learning_rate / (1 - integer_power(beta1, step)));
  const auto correction = static_cast<float>(1 / (1 - integer_power(beta2, step)));
  const auto b1 = static_cast<float>(beta1), rest1 = static_cast<float>(1 - beta1);
  const auto b2 = static_cast<float>(beta2), rest2 = static_cast<float>(1 - beta2);
  const auto epsilon = static_cast<float>(eps);
  parallel_ranges(parameter.size(), kBlock, [&](int64_t begin, int64_t end, int) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      m[i] = b1 * m[i] + rest1 * g[i];
      v[i] = b2 * v[i] + rest2 * g[i] * g[i];
      p[i] = p[i] * keep - rate * m[i] / (__builtin_sqrtf(v[i] * correction) + epsilon);
    }
  });
}

double square_sum(View x) {
  AYAR_REQUIRE(x.is_contiguous());
  const float* value = x.data<float>();
  const int64_t blocks = (x.size() + kBlock - 1) / kBlock;
  auto* partial = scratch<double>(Scratch::call, blocks);
  parallel_rows(blocks, [&](int64_t b) {
    const int64_t left = x.size() - b * kBlock;
    partial[b] = block_square_sum(value + b * kBlock, left < kBlock ? left : kBlock);
  });
  double sum = 0;
  for (int64_t b = 0; b < blocks; ++b) sum += partial[b];
  return sum;
}

}  // namespace ayar::cpu::AYAR_ISA
