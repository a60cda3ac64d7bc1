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

// A whole panel of rows that lie in memory as the panel wants them.
template <class T>
void pack_rows(const T* const* rows, int64_t depth, T* panel) {
  for (int64_t k = 0; k < padded_depth(depth); ++k) {
    for (int64_t c = 0; c < kPanelCols; ++c) panel[index_in_panel(panel, k, c)] = k < depth ? rows[c][k] : T{};
  }
}

float element(const View& matrix, int64_t row, int64_t col) {
  return matrix.dtype() == DType::float32 ? load(matrix.row<float>(row) + col) : load(matrix.row<bfloat16>(row) + col);
}

}  // namespace

PackedWeight::PackedWeight(const std::vector<View>& weights, View bias, DType dtype, Storage storage) : dtype_(dtype) {
  AYAR_REQUIRE(dtype == DType::float32 || dtype == DType::bfloat16);
  const WeightSource source(weights);
  in_features_ = source.cols();
  out_features_ = source.rows();
  AYAR_REQUIRE(bias.size() == 0 || bias.size() == out_features_);
  if (bias.size() != 0) {
    bias_.resize(static_cast<size_t>(panel_count(out_features_) * kPanelCols), 0.0f);
    for (int64_t n = 0; n < out_features_; ++n) bias_[static_cast<size_t>(n)] = element(bias, 0, n);
  }
  if (storage == Storage::nf4) {
    nf4_ = std::make_unique<Nf4Weight>(source);
    return;
  }
  if (storage == Storage::int8) {
    int8_ = std::make_unique<Int8Weight>(source);
    return;
  }
  panels_ = panels_for(in_features_, out_features_, dtype);
  with_dtype(dtype, [&]<class T>(T) {
    parallel_rows(panel_count(out_features_), [&](int64_t p) {
      T* panel = static_cast<T*>(panels_.data()) + p * panel_size(in_features_);
      const T* rows[kPanelCols] = {};
      const int64_t cols = std::min(kPanelCols, out_features_ - p * kPanelCols);
      for (int64_t c = 0; c < cols; ++c) rows[c] = source.row<T>(p * kPanelCols + c);
      if (std::find(rows, rows + kPanelCols, nullptr) == rows + kPanelCols) {
        pack_rows(rows, in_features_, panel);
        return;
      }
      const auto value = [&](int64_t k, int64_t c) { return source.at(p * kPanelCols + c, k); };
      pack_panel(in_features_, cols, value, panel);
    });
  });
}

int64_t PackedWeight::bytes() const {
  int64_t total = static_cast<int64_t>(panels_.size() + bias_.size() * sizeof(float));
  if (nf4_ != nullptr) total += nf4_->bytes();
  if (int8_ != nullptr) total += int8_->bytes();
  return total;
}

float PackedWeight::at(int64_t n, int64_t k) const {
  if (nf4_ != nullptr) return nf4_->at(n, k);
  if (int8_ != nullptr) return int8_->at(n, k);
  float value = 0;
  with_dtype(dtype_, [&]<class T>(T) {
    const T* panel = static_cast<const T*>(panels_.data()) + n / kPanelCols * panel_size(in_features_);
    value = load(panel + index_in_panel(panel, k, n % kPanelCols));
  });
  return value;
}

void PackedWeight::unpack(View weight) const {
  AYAR_REQUIRE(weight.rows() == out_features_ && weight.cols() == in_features_);
  AYAR_REQUIRE(weight.dtype() == dtype_ || weight.dtype() == DType::float32);
  with_dtype(weight.dtype(), [&]<class T>(T) {
    parallel_rows(out_features_, [&](int64_t n) {
      for (int64_t k = 0; k < in_features_; ++k) store(weight.row<T>(n) + k, at(n, k));
    });
  });
}

void PackedWeight::int8_scales(View scales) const {
  AYAR_REQUIRE(int8_ != nullptr && scales.size() == out_features_ && scales.dtype() == DType::float32);
  std::copy_n(int8_->scales(), out_features_, scales.row<float>(0));
}

const void* PackedWeight::panels() const {
  AYAR_REQUIRE(storage() == Storage::full);
  return panels_.data();
}

}  // namespace ayar::cpu
