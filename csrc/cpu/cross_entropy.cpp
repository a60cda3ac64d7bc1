#include "cpu/cross_entropy.hpp"

#include "core/thread_pool.hpp"
#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kSums = 4;  // independent sums: shorter chains, smaller rounding error

AYAR_INLINE Floats load_last(const float* p, int64_t count) {  // the lanes that the row does not have are −∞
  float lane[kLanes];
  for (int i = 0; i < kLanes; ++i) lane[i] = -__builtin_inff();
  __builtin_memcpy(lane, p, sizeof(float) * count);
  return load_vector(lane);
}

float highest(const float* logits, int64_t cols) {
  Floats most = broadcast(-__builtin_inff());
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) most = max(load_vector(logits + c), most);
  if (c < cols) most = max(load_last(logits + c, cols - c), most);
  return max_lanes(most)[0];
}

// Σ e^(logits − most); each term also replaces its logit where they are kept.
template <bool kKeep>
float sum_of_exponentials(float* logits, int64_t cols, float most) {
  Floats sum[kSums] = {};
  int64_t c = 0;
  for (; c + kSums * kLanes <= cols; c += kSums * kLanes) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < kSums; ++i) {
      const Floats e = exp2_of_softmax((load_vector(logits + c + i * kLanes) - most) * kLog2E);
      sum[i] += e;
      if constexpr (kKeep) store_vector(logits + c + i * kLanes, e);
    }
  }
  for (; c < cols; c += kLanes) {
    const int64_t count = cols - c < kLanes ? cols - c : kLanes;
    const Floats e = exp2_of_softmax((load_last(logits + c, count) - most) * kLog2E);
    sum[0] += e;
    if constexpr (kKeep) __builtin_memcpy(logits + c, &e, sizeof(float) * count);
  }
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]))[0];
}

template <class T>
void write_gradient(const float* e, int64_t cols, float reciprocal, int64_t target, T* dlogits) {
  const float at_target = e[target] * reciprocal - 1;
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) store_vector(dlogits + c, load_vector(e + c) * reciprocal);
  if (const int64_t count = cols - c; count > 0) {
    T last[kLanes];
    store_vector(last, load_last(e + c, count) * reciprocal);
    __builtin_memcpy(dlogits + c, last, sizeof(T) * count);
  }
  store(dlogits + target, at_target);
}

void check(const View& logits, const View& targets, const View& losses) {
  AYAR_REQUIRE(logits.dtype() == DType::float32 && targets.size() == logits.rows() && losses.size() == logits.rows());
  AYAR_REQUIRE(losses.is_contiguous() && targets.is_contiguous() && losses.dtype() == DType::float32);
  const int64_t* target = targets.data<int64_t>();
  for (int64_t r = 0; r < logits.rows(); ++r) AYAR_REQUIRE(target[r] >= 0 && target[r] < logits.cols());
}

}  // namespace

void cross_entropy(View logits, View targets, View losses) {
  check(logits, targets, losses);
  const int64_t* target = targets.data<int64_t>();
  float* loss = losses.data<float>();
  parallel_rows(logits.rows(), [&](int64_t r) {
    float* row = logits.row<float>(r);
    const float most = highest(row, logits.cols());
    loss[r] = __builtin_logf(sum_of_exponentials<false>(row, logits.cols(), most)) - (row[target[r]] - most);
  });
}

void cross_entropy_with_gradient(View logits, View targets, View losses, View dlogits) {
  check(logits, targets, losses);
  AYAR_REQUIRE(dlogits.rows() == logits.rows() && dlogits.cols() == logits.cols());
  const int64_t* target = targets.data<int64_t>();
  float* loss = losses.data<float>();
  with_dtype(dlogits.dtype(), [&]<class T>(T) {
    parallel_rows(logits.rows(), [&](int64_t r) {
      float* row = logits.row<float>(r);
      const float most = highest(row, logits.cols()), below = row[target[r]] - most;
      const float sum = sum_of_exponentials<true>(row, logits.cols(), most);
      loss[r] = __builtin_logf(sum) - below;
      write_gradient(row, logits.cols(), 1 / sum, target[r], dlogits.row<T>(r));
    });
  });
}

}  // namespace ayar::cpu::AYAR_ISA
