// A bf16 product on matrix tiles: 32 rows × 32 columns of sums stay in four tiles while the depth runs by, 32 steps at a time.
//
// Panels are right-hand tiles as they lie (panels.hpp): 16 rows of 64 bytes, in each a pair of steps of 16 columns. Rows are left-hand
// tiles as they lie. Unit: the processor's own tiles (amx_unit.hpp), or in the tests their emulation.
#pragma once

#include "core/scratch.hpp"
#include "cpu/microkernel.hpp"
#include "cpu/sweep.hpp"
#include "cpu/transposed_panels.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kTileSide = 16;     // rows of any tile; columns of a tile of sums
constexpr int64_t kTileDepth = 32;    // bf16 steps of one multiplication
constexpr int64_t kTileSweep = 1792;  // a multiple of it: 32 rows and 32 columns of a sweep stay in the second-level cache
constexpr int kTilesHigh = 2, kTilesWide = 2;

template <class Unit>
class TiledProduct {
 public:
  // As multiply_block, for bf16.
  TiledProduct(const Factor* factors, int factor_count, const float* bias, const View& y, const View& start)
      : factors_(factors), factor_count_(factor_count), bias_(bias), y_(y), start_(start) {}

  template <class Y>
  void run(int64_t panel_begin, int64_t panel_end) {
    panel_begin_ = panel_begin;
    const int64_t blocks = (y_.rows() + kBlockRows - 1) / kBlockRows;
    sums_ = scratch<float>(Scratch::partial_sums, blocks * kBlockRows * kTilesWide * kPanelCols);
    int64_t panel = panel_begin;
    for (; panel + kTilesWide <= panel_end; panel += kTilesWide) run_group<kTilesWide, Y>(panel);
    if (panel < panel_end) run_group<1, Y>(panel);
  }

 private:
  static constexpr int64_t kBlockRows = kTilesHigh * kTileSide;

  template <int PANELS, class Y>
  void run_group(int64_t panel) {
    const int64_t depth = factor_count_ == 0 ? 0 : factors_[0].depth;
    const int64_t sweeps = depth <= kTileSweep ? 1 : (depth + kTileSweep - 1) / kTileSweep;
    for (int64_t sweep = 0; sweep < sweeps; ++sweep) {
      Sweep<bfloat16> parts[2];
      const int count = prepare<PANELS>(panel, sweep, sweeps, parts);
      for (int64_t row = 0; row < y_.rows(); row += kBlockRows) {
        float* sums = sums_ + row * PANELS * kPanelCols;
        if (y_.rows() - row > kTileSide) {
          run_block<kTilesHigh, PANELS>(row, panel, sweep, parts, count, sums);
        } else {
          run_block<1, PANELS>(row, panel, sweep, parts, count, sums);
        }
        if (sweep + 1 == sweeps) finish<PANELS, Y>(row, panel, sums);
      }
    }
  }

  // Which steps of each factor this sweep takes: its window of the first one, and with the last window all of the second.
  template <int PANELS>
  int prepare(int64_t panel, int64_t sweep, int64_t sweeps, Sweep<bfloat16>* parts) const {
    int count = 0;
    for (int f = 0; f < factor_count_; ++f) {
      const Factor& factor = factors_[f];
      if (f != 0 && sweep + 1 != sweeps) break;
      DepthRange range = needed_range<PANELS>(factor, panel);
      if (f == 0) range = {at_least(range.begin, sweep * kTileSweep), at_most(range.end, (sweep + 1) * kTileSweep)};
      range.end = at_most(range.end, factor.depth);
      if (range.begin >= range.end) continue;
      Sweep<bfloat16>& part = parts[count++];
      part = {static_cast<const bfloat16*>(factor.rows) + range.begin, factor.row_stride,
              static_cast<const bfloat16*>(factor.panels) + panel * panel_size(factor.depth) + range.begin * kPanelCols,
              panel_size(factor.depth), range.end - range.begin};
      if (factor.stored_depth != 0) {
        part.panel_stride = panel_size(part.depth);
        auto* turned = scratch<bfloat16>(Scratch::turned_panels, PANELS * part.panel_stride);
        transpose_panels(static_cast<const bfloat16*>(factor.panels), factor.stored_depth, panel, PANELS, range, turned, part.panel_stride);
        part.panels = turned;
      }
    }
    return count;
  }

  // One sweep over the sums of HIGH · 16 rows, which begin at `sums` and lie there again afterwards.
  template <int HIGH, int WIDE>
  void run_block(int64_t row, int64_t panel, int64_t sweep, const Sweep<bfloat16>* parts, int count, float* sums) {
    constexpr int64_t kCols = WIDE * kPanelCols;
    if (sweep == 0 && start_.rows() != 0) copy_start<HIGH, WIDE>(row, panel, sums);
    each_sum<HIGH, WIDE>([&](auto r, auto p, auto tile) __attribute__((always_inline)) {
      if (sweep == 0 && start_.rows() == 0) {
        unit_.template clear<tile>();
      } else {
        unit_.template load<tile>(sums + r * kTileSide * kCols + p * kPanelCols, kCols * 4);
      }
    });
    for (int i = 0; i < count; ++i) {
      const Sweep<bfloat16>& part = parts[i];
      const bfloat16* rows = part.rows + row * part.row_stride;
      int64_t stride = part.row_stride;
      if (y_.rows() - row < HIGH * kTileSide) {
        auto* whole = scratch<bfloat16>(Scratch::rows, HIGH * kTileSide * part.depth);
        for (int64_t r = 0; r < HIGH * kTileSide; ++r) {
          for (int64_t k = 0; k < part.depth; ++k) {
            whole[r * part.depth + k] = row + r < y_.rows() ? rows[r * stride + k] : bfloat16{0};
          }
        }
        rows = whole;
        stride = part.depth;
      }
      accumulate_part<HIGH, WIDE>(rows, stride, part);
    }
    each_sum<HIGH, WIDE>([&](auto r, auto p, auto tile) __attribute__((always_inline)) {
      unit_.template store<tile>(sums + r * kTileSide * kCols + p * kPanelCols, kCols * 4);
    });
  }

  template <int HIGH, int WIDE>
  AYAR_INLINE void accumulate_part(const bfloat16* rows, int64_t row_stride, const Sweep<bfloat16>& part) {
    int64_t k = 0;
    for (; k + kTileDepth <= part.depth; k += kTileDepth) {
      step<HIGH, WIDE>(rows + k, row_stride, part.panels + k * kPanelCols, part.panel_stride);
    }
    if (k == part.depth) return;
    bfloat16 left[HIGH * kTileSide * kTileDepth] = {}, right[WIDE * kTileDepth * kPanelCols] = {};  // the rest, filled up with zeros
    for (int64_t r = 0; r < HIGH * kTileSide; ++r) {
      for (int64_t i = 0; k + i < part.depth; ++i) left[r * kTileDepth + i] = rows[r * row_stride + k + i];
    }
    for (int64_t p = 0; p < WIDE; ++p) {
      for (int64_t i = 0; i < panel_size(part.depth - k); ++i) {
        right[p * kTileDepth * kPanelCols + i] = part.panels[p * part.panel_stride + k * kPanelCols + i];
      }
    }
    step<HIGH, WIDE>(left, kTileDepth, right, kTileDepth * kPanelCols);
  }

  template <int HIGH, int WIDE>
  AYAR_INLINE void step(const bfloat16* rows, int64_t row_stride, const bfloat16* panels, int64_t panel_stride) {
    unroll<WIDE>([&](auto p) __attribute__((always_inline)) { unit_.template load<kRight + p>(panels + p * panel_stride, 64); });
    unroll<HIGH>([&](auto r) __attribute__((always_inline)) {
      unit_.template load<kLeft + r>(rows + r * kTileSide * row_stride, row_stride * 2);
      unroll<WIDE>([&](auto p)
                       __attribute__((always_inline)) { unit_.template multiply_bf16<r * kTilesWide + p, kLeft + r, kRight + p>(); });
    });
  }

  // Calls body(row of tiles, column of tiles, number of the tile) for each tile of sums.
  template <int HIGH, int WIDE, class Body>
  AYAR_INLINE void each_sum(const Body& body) const {
    unroll<HIGH>([&](auto r) __attribute__((always_inline)) {
      unroll<WIDE>([&](auto p) __attribute__((always_inline)) { body(r, p, std::integral_constant<int, r * kTilesWide + p>{}); });
    });
  }

  template <int HIGH, int WIDE>
  void copy_start(int64_t row, int64_t panel, float* sums) const {
    constexpr int64_t kCols = WIDE * kPanelCols;
    for (int64_t r = 0; r < HIGH * kTileSide; ++r) {
      const float* from = row + r < y_.rows() ? start_.row<float>(row + r) + (panel - panel_begin_) * kPanelCols : nullptr;
      for (int64_t c = 0; c < kCols; ++c) sums[r * kCols + c] = from == nullptr ? 0.0f : from[c];
    }
  }

  template <int WIDE, class Y>
  void finish(int64_t row, int64_t panel, const float* sums) const {
    const int64_t rows = at_most(kBlockRows, y_.rows() - row);
    for (int64_t r = 0; r < rows; ++r) {
      Y* y = y_.row<Y>(row + r) + panel * kPanelCols;
      unroll<WIDE>([&](auto p) __attribute__((always_inline)) {
        Lanes lanes = load_lanes(sums + (r * WIDE + p) * kPanelCols);
        if (bias_ != nullptr) lanes = add(lanes, load_lanes(bias_ + (panel + p) * kPanelCols));
        store_some(y + p * kPanelCols, y_.cols() - (panel + p) * kPanelCols, lanes);
      });
    }
  }

  static constexpr int kLeft = kTilesHigh * kTilesWide, kRight = kLeft + kTilesHigh;

  Unit unit_;
  const Factor* factors_;
  int factor_count_;
  const float* bias_;
  const View& y_;
  const View& start_;
  int64_t panel_begin_ = 0;
  float* sums_ = nullptr;
};

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
