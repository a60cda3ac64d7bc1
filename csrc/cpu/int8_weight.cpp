#include "cpu/int8_weight.hpp"

#include <algorithm>
#include <cmath>

#include "core/thread_pool.hpp"

namespace ayar::cpu {
namespace {

int64_t index_in_int8_panel(int64_t k, int64_t c) {
  return k / kInt8Steps * (kInt8Steps * kPanelCols) + c * kInt8Steps + k % kInt8Steps;
}

AlignedBuffer int8_panels(int64_t depth, int64_t cols) {
  AlignedBuffer panels(static_cast<size_t>(panel_count(cols) * int8_panel_size(depth)));
  std::fill_n(static_cast<uint8_t*>(panels.data()), panels.size(), static_cast<uint8_t>(kInt8Zero));
  return panels;
}

}  // namespace

Int8Weight::Int8Weight(const WeightSource& weights) : out_features_(weights.rows()), in_features_(weights.cols()) {
  scales_.resize(static_cast<size_t>(panel_count(out_features_) * kPanelCols), 0.0F);
  panels_ = int8_panels(in_features_, out_features_);
  auto* panels = static_cast<uint8_t*>(panels_.data());
  parallel_rows(out_features_, [&](int64_t n) {
    float largest = 0;
    for (int64_t k = 0; k < in_features_; ++k) largest = std::max(largest, std::fabs(weights.at(n, k)));
    scales_[static_cast<size_t>(n)] = largest / kInt8Largest;
    const float reciprocal = largest > 0 ? kInt8Largest / largest : 0.0F;
    uint8_t* panel = panels + n / kPanelCols * int8_panel_size(in_features_);
    for (int64_t k = 0; k < in_features_; ++k) {
      const float scaled = std::clamp(std::nearbyint(weights.at(n, k) * reciprocal), -kInt8Largest, kInt8Largest);
      panel[index_in_int8_panel(k, n % kPanelCols)] = static_cast<uint8_t>(static_cast<int>(scaled) + kInt8Zero);
    }
  });
}

int64_t Int8Weight::bytes() const {
  return static_cast<int64_t>(panels_.size() + scales_.size() * sizeof(float));
}

uint8_t Int8Weight::code(int64_t n, int64_t k) const {
  return panels()[n / kPanelCols * int8_panel_size(in_features_) + index_in_int8_panel(k, n % kPanelCols)];
}

float Int8Weight::at(int64_t n, int64_t k) const {
  return static_cast<float>(code(n, k) - kInt8Zero) * scales_[static_cast<size_t>(n)];
}

}  // namespace ayar::cpu
