// The packed form of a matrix that a GEMM reads as its right-hand side, the same for every instruction set.
//
// Columns lie in panels of 16. A panel holds its depth steps one after the other: fp32 as [depth][16], bf16 as [depth / 2][16][2],
// pairs of steps side by side, because the bf16 dot instruction takes them so. An odd depth and missing columns are filled with zero.
// A wider tile reads several panels at once; so one packed copy serves AVX2's 6×16 tile and AVX-512's 6×64.
#pragma once

#include "core/view.hpp"

namespace ayar::cpu {

constexpr int64_t kPanelCols = 16;

AYAR_INLINE int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
AYAR_INLINE int64_t panel_count(int64_t cols) {
  return (cols + kPanelCols - 1) / kPanelCols;
}
// Depth as stored: the same for both dtypes, so that sizes do not depend on them.
AYAR_INLINE int64_t padded_depth(int64_t depth) {
  return round_up(depth, 2);
}
AYAR_INLINE int64_t panel_size(int64_t depth) {
  return padded_depth(depth) * kPanelCols;
}

// Where element (k, c) lies inside its panel.
AYAR_INLINE int64_t index_in_panel(const float*, int64_t k, int64_t c) {
  return k * kPanelCols + c;
}
AYAR_INLINE int64_t index_in_panel(const bfloat16*, int64_t k, int64_t c) {
  return k / 2 * (2 * kPanelCols) + c * 2 + k % 2;
}

// Fills one panel: element(k, c) is the value at depth k of the panel's column c, asked for only where k < depth and c < cols.
template <class T, class Element>
AYAR_INLINE void pack_panel(int64_t depth, int64_t cols, const Element& element, T* panel) {
  for (int64_t k = 0; k < padded_depth(depth); ++k) {
    for (int64_t c = 0; c < kPanelCols; ++c) {
      store(panel + index_in_panel(panel, k, c), k < depth && c < cols ? element(k, c) : 0.0f);
    }
  }
}

}  // namespace ayar::cpu
