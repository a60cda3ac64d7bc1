// Frozen weights as they arrive: matrices N_i × K of fp32 or bf16, stacked along N.
#pragma once

#include <utility>
#include <vector>

#include "core/view.hpp"

namespace ayar::cpu {

class WeightSource {
 public:
  explicit WeightSource(const std::vector<View>& weights) {
    AYAR_REQUIRE(!weights.empty());
    in_features_ = weights[0].cols();
    for (const View& weight : weights) {
      AYAR_REQUIRE(weight.cols() == in_features_);
      AYAR_REQUIRE(weight.dtype() == DType::float32 || weight.dtype() == DType::bfloat16);
      part_rows_.push_back(weight.rows());
      for (int64_t r = 0; r < weight.rows(); ++r) row_of_.emplace_back(&weight, r);
    }
  }

  int64_t rows() const { return static_cast<int64_t>(row_of_.size()); }
  int64_t cols() const { return in_features_; }
  const std::vector<int64_t>& part_rows() const { return part_rows_; }  // of each matrix
  float at(int64_t n, int64_t k) const {
    const auto& [matrix, row] = row_of_[static_cast<size_t>(n)];
    return matrix->dtype() == DType::float32 ? load(matrix->row<float>(row) + k) : load(matrix->row<bfloat16>(row) + k);
  }
  // Row n as it lies in memory; null where it is of another dtype.
  template <class T>
  const T* row(int64_t n) const {
    const auto& [matrix, row] = row_of_[static_cast<size_t>(n)];
    return matrix->dtype() == DTypeOf<T>::value ? matrix->row<T>(row) : nullptr;
  }

 private:
  int64_t in_features_ = 0;
  std::vector<int64_t> part_rows_;
  std::vector<std::pair<const View*, int64_t>> row_of_;  // matrix and row within it, by row of the stack
};

}  // namespace ayar::cpu
