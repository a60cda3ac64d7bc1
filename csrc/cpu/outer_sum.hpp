// sums[j][c] = Σ over rows m of a[m][j] · b[m][c]: the gradient of a low-rank factor, a few rows high and as wide as the layer.
//
// The microkernel with the roles turned: the depth is the row m, so b's rows are what a panel is elsewhere, and bf16 comes in pairs of
// rows.
#pragma once

#include "core/scratch.hpp"
#include "cpu/microkernel.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kOuterGroup = kOuterPanels * kPanelCols;
constexpr int64_t kOuterCols = 192;  // most columns of one task
constexpr int64_t kOuterDepth = 64;  // rows staged at a time: 64 × 192 bf16 stay in the first-level cache beside the sums

// One row of b, or two interleaved, as the microkernel reads them; zero up to whole groups of columns.
AYAR_INLINE void stage_step(const float* b, int64_t, int64_t, int64_t cols, float* to) {
  int64_t c = 0;
  for (; c + kPanelCols <= cols; c += kPanelCols) store_lanes(to + c, load_lanes(b + c));
  for (; c < round_up(cols, kOuterGroup); ++c) to[c] = c < cols ? b[c] : 0.0f;
}
AYAR_INLINE void stage_step(const bfloat16* b, int64_t, int64_t, int64_t cols, float* to) {
  int64_t c = 0;
  for (; c + kPanelCols <= cols; c += kPanelCols) store_lanes(to + c, load_lanes(b + c));
  for (; c < round_up(cols, kOuterGroup); ++c) to[c] = c < cols ? load(b + c) : 0.0f;
}
#if defined(AYAR_DOT_BF16)
AYAR_INLINE void stage_step(const bfloat16* b, int64_t stride, int64_t rows_left, int64_t cols, bfloat16* to) {
  const bool has_odd = rows_left > 1;
  int64_t c = 0;
  if (has_odd) {
    for (; c + kPanelCols <= cols; c += kPanelCols) store_interleaved(to + 2 * c, b + c, b + stride + c);
  }
  for (; c < round_up(cols, kOuterGroup); ++c) {
    to[2 * c] = c < cols ? b[c] : bfloat16{0};
    to[2 * c + 1] = c < cols && has_odd ? b[stride + c] : bfloat16{0};
  }
}
#endif

// a: steps × ranks × kDepthOfStep of E, as stage_low_rank makes it. b: [rows, cols] of T, cols ≤ kOuterCols.
// Returns sums as [round_up(ranks, kOuterRows)][kOuterCols], valid until the next call on this thread. Rows are added in their order.
// continues: adds to the sums of this thread's last call, which had as many ranks.
template <class T, class E>
const float* outer_sum(const E* a, int64_t a_stride, int64_t ranks, const T* b, int64_t b_stride, int64_t rows, int64_t cols,
                       bool continues = false) {
  constexpr int64_t kStep = kDepthOfStep<E>;
  float* sums = scratch<float>(Scratch::outer_sums, round_up(ranks, kOuterRows) * kOuterCols);
  E* staged = scratch<E>(Scratch::outer_rows, kOuterDepth * kOuterCols);
  for (int64_t i = 0; !continues && i < round_up(ranks, kOuterRows) * kOuterCols; ++i) sums[i] = 0;
  for (int64_t m0 = 0; m0 < rows; m0 += kOuterDepth) {
    const int64_t depth = rows - m0 < kOuterDepth ? rows - m0 : kOuterDepth;
    const int64_t steps = (depth + kStep - 1) / kStep;
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t m = m0 + s * kStep;
      stage_step(b + m * b_stride, b_stride, rows - m, cols, staged + s * kStep * kOuterCols);
    }
    for (int64_t c = 0; c < cols; c += kOuterGroup) {
      for (int64_t j = 0; j < ranks; j += kOuterRows) {
        Tile<kOuterRows, kOuterPanels> tile;
        const E* columns[kOuterRows];
        float* places = sums + j * kOuterCols + c;
        unroll<kOuterRows>([&](auto r) __attribute__((always_inline)) {
          columns[r] = a + m0 / kStep * a_stride + (j + r < ranks ? j + r : ranks - 1) * kStep;
          unroll<kOuterPanels>(
              [&](auto p) __attribute__((always_inline)) { tile.sums[r][p] = load_lanes(places + r * kOuterCols + p * kPanelCols); });
        });
        for (int64_t s = 0; s < steps; ++s) {
          decltype(load_step(staged)) lanes[kOuterPanels];
          unroll<kOuterPanels>(
              [&](auto p) __attribute__((always_inline)) { lanes[p] = load_step(staged + (s * kOuterCols + c + p * kPanelCols) * kStep); });
          unroll<kOuterRows>([&](auto r) __attribute__((always_inline)) {
            const auto scale = broadcast_step(columns[r] + s * a_stride);
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

// u or v as `a` of outer_sum: in place where fp32 is multiplied, else rounded to bf16, two rows interleaved.
template <class E>
struct LowRank {
  const E* data;
  int64_t stride;  // of a step
};

AYAR_INLINE LowRank<float> stage_low_rank(const View& low_rank, Scratch, const float*) {
  return {low_rank.row<float>(0), low_rank.row_stride()};
}
#if defined(AYAR_DOT_BF16)
AYAR_INLINE LowRank<bfloat16> stage_low_rank(const View& low_rank, Scratch purpose, const bfloat16*) {
  const int64_t rows = low_rank.rows(), ranks = low_rank.cols();
  bfloat16* staged = scratch<bfloat16>(purpose, round_up(rows, 2) * ranks);
  parallel_rows((rows + 1) / 2, [&](int64_t s) {
    const float* even = low_rank.row<float>(2 * s);
    const float* odd = low_rank.row<float>(2 * s + (2 * s + 1 < rows ? 1 : 0));
    bfloat16* to = staged + 2 * s * ranks;
    int64_t j = 0;
    if (2 * s + 1 < rows) {
      for (; j + kPanelCols <= ranks; j += kPanelCols) {
        bfloat16 rounded[2][kPanelCols];
        store_lanes(rounded[0], load_lanes(even + j));
        store_lanes(rounded[1], load_lanes(odd + j));
        store_interleaved(to + 2 * j, rounded[0], rounded[1]);
      }
    }
    for (; j < ranks; ++j) {
      store(to + 2 * j, even[j]);
      store(to + 2 * j + 1, 2 * s + 1 < rows ? odd[j] : 0.0f);
    }
  });
  return {staged, 2 * ranks};
}
#endif

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
