// A frozen weight, packed once for y = x Wᵀ + bias. For dx = dy W, a GEMM turns these panels a few at a time (transposed_panels.hpp).
// From NF4 either direction makes its panels a few at a time (frozen_product.hpp).
#pragma once

#include <memory>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "core/view.hpp"
#include "cpu/int8_weight.hpp"
#include "cpu/nf4_weight.hpp"

namespace ayar::cpu {

enum class Storage : uint8_t { full, nf4, int8 };

class PackedWeight {
 public:
  // Stacks weights (N_i × K, fp32 or bf16) along N; they multiply as dtype. bias: N elements, or empty.
  PackedWeight(const std::vector<View>& weights, View bias, DType dtype, Storage storage = Storage::full);

  int64_t out_features() const { return out_features_; }
  int64_t in_features() const { return in_features_; }
  DType dtype() const { return dtype_; }
  Storage storage() const { return nf4_ != nullptr ? Storage::nf4 : int8_ != nullptr ? Storage::int8 : Storage::full; }
  int64_t bytes() const;
  void unpack(View weight) const;       // N × K of dtype, or of fp32
  void int8_scales(View scales) const;  // N fp32, of a weight that is kept in int8

  const void* panels() const;  // columns N, depth K; of a weight that is kept in full
  const float* bias() const { return bias_.empty() ? nullptr : bias_.data(); }
  const Nf4Weight* nf4() const { return nf4_.get(); }     // null where it is kept otherwise
  const Int8Weight* int8() const { return int8_.get(); }  // null where it is kept otherwise

 private:
  float at(int64_t n, int64_t k) const;

  int64_t out_features_ = 0, in_features_ = 0;
  DType dtype_;
  std::vector<float> bias_;
  AlignedBuffer panels_;
  std::unique_ptr<Nf4Weight> nf4_;
  std::unique_ptr<Int8Weight> int8_;
};

}  // namespace ayar::cpu
