// A frozen weight in int8: weight (n, k) = code · scale of row n, code in [−127, 127].
//
// Both directions multiply the same codes, so that dx is the gradient of the y that was computed; dx turns them a few panels at a time
// (turned_codes.hpp). Panels of 16 columns, four steps of the
// depth side by side as the byte dot instruction takes them: [depth / 4][16][4], stored + 128 because one side of that instruction is
// unsigned. What lies outside of the matrix is 128, that is zero.
#pragma once

#include <vector>

#include "core/aligned_buffer.hpp"
#include "core/view.hpp"
#include "cpu/panels.hpp"
#include "cpu/weight_source.hpp"

namespace ayar::cpu {

constexpr int64_t kInt8Steps = 4;  // of the depth, side by side
constexpr int kInt8Zero = 128;
constexpr float kInt8Largest = 127;

AYAR_INLINE int64_t int8_panel_size(int64_t depth) {
  return round_up(depth, kInt8Steps) * kPanelCols;
}

class Int8Weight {
 public:
  explicit Int8Weight(const WeightSource& weights);

  int64_t bytes() const;
  float at(int64_t n, int64_t k) const;

  const uint8_t* panels() const { return static_cast<const uint8_t*>(panels_.data()); }  // columns N, depth K
  const float* scales() const { return scales_.data(); }                                 // of the rows, whole panels of them

 private:
  uint8_t code(int64_t n, int64_t k) const;

  int64_t out_features_, in_features_;
  std::vector<float> scales_;
  AlignedBuffer panels_;
};

}  // namespace ayar::cpu
