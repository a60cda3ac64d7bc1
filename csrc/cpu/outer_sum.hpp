// sums[j][c] = Σ over rows m of a[m][j] · b[m][c]: the gradient of a low-rank factor, a few rows high and as wide as the layer.
#pragma once

#include "core/scratch.hpp"
#include "cpu/microkernel.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kOuterCols = 96;   // of one task: whole cache lines of bf16
constexpr int64_t kOuterDepth = 64;  // rows staged at a time: 64 × 96 fp32 stay in the first-level cache beside the sums

template <class T>
AYAR_INLINE void stage_outer_rows(const T* b, int64_t stride, int64_t rows, int64_t cols, float* to) {
  for (int64_t m = 0; m < rows; ++m) {
    int64_t c = 0;
    for (; c + kPanelCols <= cols; c += kPanelCols) store_lanes(to + m * kOuterCols + c, load_lanes(b + m * stride + c));
    for (; c < kOuterCols; ++c) to[m * kOuterCols + c] = c < cols ? load(b + m * stride + c) : 0.0f;
  }
}

// a: [rows, ranks] fp32. b: [rows, cols], cols ≤ kOuterCols. Returns sums as [round_up(ranks, kOuterRows)][kOuterCols], valid until the
// next call on this thread. Rows are added one after the other.
template <class T>
const float* outer_sum(const float* a, int64_t a_stride, int64_t ranks, const T* b, int64_t b_stride, int64_t rows, int64_t cols) {
  constexpr int64_t kGroup = kOuterPanels * kPanelCols;
  float* sums = scratch<float>(Scratch::outer_sums, round_up(ranks, kOuterRows) * kOuterCols);
  float* staged = scratch<float>(Scratch::outer_rows, kOuterDepth * kOuterCols);
  for (int64_t i = 0; i < round_up(ranks, kOuterRows) * kOuterCols; ++i) sums[i] = 0;
  for (int64_t m0 = 0; m0 < rows; m0 += kOuterDepth) {
    const int64_t depth = rows - m0 < kOuterDepth ? rows - m0 : kOuterDepth;
    stage_outer_rows(b + m0 * b_stride, b_stride, depth, cols, staged);
    for (int64_t c = 0; c < cols; c += kGroup) {
      for (int64_t j = 0; j < ranks; j += kOuterRows) {
        Tile<kOuterRows, kOuterPanels> tile;
        const float* columns[kOuterRows];
        float* places = sums + j * kOuterCols + c;
        unroll<kOuterRows>([&](auto r) __attribute__((always_inline)) {
          columns[r] = a + m0 * a_stride + (j + r < ranks ? j + r : ranks - 1);
          unroll<kOuterPanels>(
              [&](auto p) __attribute__((always_inline)) { tile.sums[r][p] = load_lanes(places + r * kOuterCols + p * kPanelCols); });
        });
        for (int64_t m = 0; m < depth; ++m) {
          Lanes lanes[kOuterPanels];
          unroll<kOuterPanels>([&](auto p)
                                   __attribute__((always_inline)) { lanes[p] = load_lanes(staged + m * kOuterCols + c + p * kPanelCols); });
          unroll<kOuterRows>([&](auto r) __attribute__((always_inline)) {
            const Lanes scale = broadcast(columns[r][m * a_stride]);
            unroll<kOuterPanels>([&](auto p)
                                     __attribute__((always_inline)) { tile.sums[r][p] = multiply_add(scale, lanes[p], tile.sums[r][p]); });
          });
        }
        unroll<kOuterRows>([&](auto r) __attribute__((always_inline)) {
          unroll<kOuterPanels>(
              [&](auto p) __attribute__((always_inline)) { store_lanes(places + r * kOuterCols + p * kPanelCols, tile.sums[r][p]); });
        });
      }
    }
  }
  return sums;
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
