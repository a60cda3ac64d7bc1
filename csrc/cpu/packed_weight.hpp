// A frozen weight, packed once for y = x Wᵀ + bias and, when the first gradient is asked for, for dx = dy W.
//
// Two copies, because the bf16 dot instruction wants pairs along the depth, and the depth is K in one direction and N in the other.
#pragma once

#include <mutex>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "core/view.hpp"

namespace ayar::cpu {

class PackedWeight {
 public:
  // Stacks weights (N_i × K, fp32 or bf16) along N and converts them to dtype. bias: N elements, or empty.
  PackedWeight(const std::vector<View>& weights, View bias, DType dtype);

  int64_t out_features() const { return out_features_; }
  int64_t in_features() const { return in_features_; }
  DType dtype() const { return dtype_; }
  int64_t bytes() const;
  void unpack(View weight) const;  // N × K of dtype

  const void* forward_panels() const { return forward_.data(); }  // columns N, depth K
  const void* backward_panels() const;                            // columns K, depth N; packed at the first call
  const float* bias() const { return bias_.empty() ? nullptr : bias_.data(); }

 private:
  int64_t out_features_ = 0, in_features_ = 0;
  DType dtype_;
  std::vector<float> bias_;
  AlignedBuffer forward_;
  mutable AlignedBuffer backward_;
  mutable std::once_flag backward_packed_;
};

}  // namespace ayar::cpu
