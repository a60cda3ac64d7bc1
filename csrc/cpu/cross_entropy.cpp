#include "cpu/cross_entropy.hpp"

#include "core/thread_pool.hpp"
#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kSums = 4;      // independent sums: shorter chains, smaller rounding error
constexpr int64_t kChunk = 2048;  // logits that stay in the first-level cache from their highest to their exponentials
constexpr float kSlack = 40;      // how far a logit may lie above what exponentials are relative to: e^40 · cols is far from infinite

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

// Σ e^(logits − origin); each term also replaces its logit where they are kept.
template <bool kKeep>
float sum_of_exponentials(float* logits, int64_t cols, float origin) {
  Floats sum[kSums] = {};
  int64_t c = 0;
  for (; c + kSums * kLanes <= cols; c += kSums * kLanes) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < kSums; ++i) {
      const Floats e = exp2_of_softmax((load_vector(logits + c + i * kLanes) - origin) * kLog2E);
      sum[i] += e;
      if constexpr (kKeep) store_vector(logits + c + i * kLanes, e);
    }
  }
  for (; c < cols; c += kLanes) {
    const int64_t count = cols - c < kLanes ? cols - c : kLanes;
    const Floats e = exp2_of_softmax((load_last(logits + c, count) - origin) * kLog2E);
    sum[0] += e;
    if constexpr (kKeep) __builtin_memcpy(logits + c, &e, sizeof(float) * count);
  }
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]))[0];
}

// softcap · tanh(logit / softcap) in place; tanh(z) = 2 σ(2z) − 1.
void cap(float* logits, int64_t cols, float softcap) {
  const float inward = -2 / softcap;
  for (int64_t c = 0; c < cols; c += kLanes) {
    const int64_t count = cols - c < kLanes ? cols - c : kLanes;
    const Floats capped = softcap * (2.0F / (1.0F + exp(load_last(logits + c, count) * inward)) - 1.0F);
    __builtin_memcpy(logits + c, &capped, sizeof(float) * count);
  }
}

struct Softmax {
  float origin;  // what the exponentials are relative to: hardly below the highest logit
  float sum;
};

// One pass over the row. Exponentials that are kept are raised again where a later chunk has a far higher logit.
template <bool kKeep>
Softmax softmax(float* logits, int64_t cols, float softcap) {
  Softmax row{-__builtin_inff(), 0};
  for (int64_t c = 0; c < cols; c += kChunk) {
    const int64_t count = cols - c < kChunk ? cols - c : kChunk;
    if (softcap > 0) cap(logits + c, count, softcap);
    if (const float most = highest(logits + c, count); most > row.origin + kSlack) {
      const float scale = __builtin_expf(row.origin - most);
      for (int64_t i = 0; kKeep && i < c; ++i) logits[i] *= scale;
      row = {most, row.sum * scale};
    }
    row.sum += sum_of_exponentials<kKeep>(logits + c, count, row.origin);
  }
  return row;
}

// softmax(capped) − onehot, times the slope of the cap, 1 − (capped / softcap)²; the exponentials are computed a second time.
template <class T>
void write_capped_gradient(const float* capped, int64_t cols, const Softmax& row, int64_t target, float softcap, T* dlogits) {
  const float inward = 1 / softcap, log_sum = __builtin_logf(row.sum);
  const auto slope = [&](auto z) __attribute__((always_inline)) { return 1.0F - (z * inward) * (z * inward); };
  const float at_target = (__builtin_expf(capped[target] - row.origin - log_sum) - 1) * slope(capped[target]);
  for (int64_t c = 0; c < cols; c += kLanes) {
    const int64_t count = cols - c < kLanes ? cols - c : kLanes;
    const Floats z = load_last(capped + c, count);
    T part[kLanes];
    store_vector(part, exp2_of_softmax((z - row.origin - log_sum) * kLog2E) * slope(z));
    __builtin_memcpy(dlogits + c, part, sizeof(T) * count);
  }
  store(dlogits + target, at_target);
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

void cross_entropy(View logits, View targets, View losses, float softcap) {
  check(logits, targets, losses);
  const int64_t* target = targets.data<int64_t>();
  float* loss = losses.data<float>();
  parallel_rows(logits.rows(), [&](int64_t r) {
    float* row = logits.row<float>(r);
    const Softmax found = softmax<false>(row, logits.cols(), softcap);
    loss[r] = __builtin_logf(found.sum) - (row[target[r]] - found.origin);
  });
}

void cross_entropy_with_gradient(View logits, View targets, View losses, View dlogits, float softcap) {
  check(logits, targets, losses);
  AYAR_REQUIRE(dlogits.rows() == logits.rows() && dlogits.cols() == logits.cols());
  const int64_t* target = targets.data<int64_t>();
  float* loss = losses.data<float>();
  with_dtype(dlogits.dtype(), [&]<class T>(T) {
    parallel_rows(logits.rows(), [&](int64_t r) {
      float* row = logits.row<float>(r);
      const float uncapped = row[target[r]];
      const Softmax found = softcap > 0 ? softmax<false>(row, logits.cols(), softcap) : softmax<true>(row, logits.cols(), 0);
      const float logit = softcap > 0 ? row[target[r]] : uncapped;
      loss[r] = __builtin_logf(found.sum) - (logit - found.origin);
      if (softcap > 0) return write_capped_gradient(row, logits.cols(), found, target[r], softcap, dlogits.row<T>(r));
      write_gradient(row, logits.cols(), 1 / found.sum, target[r], dlogits.row<T>(r));
    });
  });
}

}  // namespace ayar::cpu::AYAR_ISA
