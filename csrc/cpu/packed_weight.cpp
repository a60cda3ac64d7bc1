#include "cpu/packed_weight.hpp"

#include <algorithm>

#include "core/thread_pool.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu {
namespace {

int64_t element_bytes(DType dtype) {
  return dtype == DType::float32 ? 4 : 2;
}

AlignedBuffer panels_for(int64_t depth, int64_t cols, DType dtype) {
  return AlignedBuffer(static_cast<size_t>(panel_count(cols) * panel_size(depth) * element_bytes(dtype)));
}

float element(const View& matrix, int64_t row, int64_t col) {
  return matrix.dtype() == DType::float32 ? load(matrix.row<float>(row) + col) : load(matrix.row<bfloat16>(row) + col);
}

}  // namespace

PackedWeight::PackedWeight(const std::vector<View>& weights, View bias, DType dtype) : dtype_(dtype) {
  AYAR_REQUIRE(!weights.empty() && (dtype == DType::float32 || dtype == DType::bfloat16));
  in_features_ = weights[0].cols();
  std::vector<std::pair<const View*, int64_t>> row_of;  // matrix and row within it, by row of the stack
  for (const View& weight : weights) {
    AYAR_REQUIRE(weight.cols() == in_features_);
    AYAR_REQUIRE(weight.dtype() == DType::float32 || weight.dtype() == DType::bfloat16);
    for (int64_t r = 0; r < weight.rows(); ++r) row_of.emplace_back(&weight, r);
  }
  out_features_ = static_cast<int64_t>(row_of.size());
  AYAR_REQUIRE(bias.size() == 0 || bias.size() == out_features_);
  if (bias.size() != 0) {
    bias_.resize(static_cast<size_t>(panel_count(out_features_) * kPanelCols), 0.0f);
    for (int64_t n = 0; n < out_features_; ++n) bias_[static_cast<size_t>(n)] = element(bias, 0, n);
  }
  forward_ = panels_for(in_features_, out_features_, dtype);
  with_dtype(dtype, [&]<class T>(T) {
    parallel_rows(panel_count(out_features_), [&](int64_t p) {
      const auto* rows = row_of.data() + p * kPanelCols;
      const auto value = [&](int64_t k, int64_t c) { return element(*rows[c].first, rows[c].second, k); };
      pack_panel(in_features_, out_features_ - p * kPanelCols, value, static_cast<T*>(forward_.data()) + p * panel_size(in_features_));
    });
  });
}

int64_t PackedWeight::bytes() const {
  return static_cast<int64_t>(forward_.size() + backward_.size() + bias_.size() * sizeof(float));
}

void PackedWeight::unpack(View weight) const {
  AYAR_REQUIRE(weight.rows() == out_features_ && weight.cols() == in_features_ && weight.dtype() == dtype_);
  with_dtype(dtype_, [&]<class T>(T) {
    parallel_rows(out_features_, [&](int64_t n) {
      const T* panel = static_cast<const T*>(forward_.data()) + n / kPanelCols * panel_size(in_features_);
      T* row = weight.row<T>(n);
      for (int64_t k = 0; k < in_features_; ++k) row[k] = panel[index_in_panel(panel, k, n % kPanelCols)];
    });
  });
}

const void* PackedWeight::backward_panels() const {
  std::call_once(backward_packed_, [this] {
    backward_ = panels_for(out_features_, in_features_, dtype_);
    with_dtype(dtype_, [&]<class T>(T) {
      const T* forward = static_cast<const T*>(forward_.data());
      parallel_rows(panel_count(in_features_), [&](int64_t p) {
        const auto value = [&](int64_t n, int64_t c) {
          const T* panel = forward + n / kPanelCols * panel_size(in_features_);
          return load(panel + index_in_panel(panel, p * kPanelCols + c, n % kPanelCols));
        };
        pack_panel(out_features_, in_features_ - p * kPanelCols, value, static_cast<T*>(backward_.data()) + p * panel_size(out_features_));
      });
    });
  });
  return backward_.data();
}

}  // namespace ayar::cpu
