// Products of int8 codes on matrix tiles: 32 rows of codes and one or two panels, 64 steps of the depth at a time.
//
// A panel is a right-hand tile as it lies (int8_weight.hpp): 16 rows of 64 bytes, in each four steps of 16 columns. Unit: as
// gemm_tiles.hpp.
#pragma once

#include "core/scratch.hpp"
#include "cpu/int8_weight.hpp"
#include "cpu/microkernel.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kCodeRows = 32, kCodeDepth = 64;

template <class Unit, int WIDE>
AYAR_INLINE void multiply_code_step(Unit& unit, const int8_t* rows, int64_t row_stride, const uint8_t* panels, int64_t panel_stride) {
  unroll<WIDE>([&](auto p) __attribute__((always_inline)) { unit.template load<6 + p>(panels + p * panel_stride, 64); });
  unroll<2>([&](auto r) __attribute__((always_inline)) {
    unit.template load<4 + r>(rows + r * 16 * row_stride, row_stride);
    unroll<WIDE>([&](auto p) __attribute__((always_inline)) { unit.template multiply_bytes<r * 2 + p, 4 + r, 6 + p>(); });
  });
}

// sums[r][p · 16 + c] = Σₖ rows[r][k] · panel p[k][c] for 32 rows. `count` of them are there; those that are not are zero.
// rows: row_stride apart, zero from depth to a multiple of four.
template <int WIDE, class Unit>
void multiply_codes(Unit& unit, const int8_t* rows, int64_t row_stride, int64_t count, const uint8_t* panels, int64_t depth,
                    int32_t* sums) {
  const int64_t steps = round_up(depth, kInt8Steps), panel_stride = int8_panel_size(depth);
  if (count < kCodeRows) {
    auto* whole = scratch<int8_t>(Scratch::rows, kCodeRows * steps);
    for (int64_t r = 0; r < kCodeRows; ++r) {
      for (int64_t k = 0; k < steps; ++k) whole[r * steps + k] = r < count ? rows[r * row_stride + k] : int8_t{0};
    }
    rows = whole;
    row_stride = steps;
  }
  unroll<4>([&](auto tile) __attribute__((always_inline)) { unit.template clear<tile>(); });
  int64_t k = 0;
  for (; k + kCodeDepth <= steps; k += kCodeDepth) {
    multiply_code_step<Unit, WIDE>(unit, rows + k, row_stride, panels + k * kPanelCols, panel_stride);
  }
  if (k < steps) {
    int8_t left[kCodeRows * kCodeDepth] = {};
    uint8_t right[WIDE * kCodeDepth * kPanelCols] = {};
    for (int64_t r = 0; r < kCodeRows; ++r) {
      for (int64_t i = 0; k + i < steps; ++i) left[r * kCodeDepth + i] = rows[r * row_stride + k + i];
    }
    for (int64_t p = 0; p < WIDE; ++p) {
      const uint8_t* rest = panels + p * panel_stride + k * kPanelCols;
      for (int64_t i = 0; i < (steps - k) * kPanelCols; ++i) right[p * kCodeDepth * kPanelCols + i] = rest[i];
    }
    multiply_code_step<Unit, WIDE>(unit, left, kCodeDepth, right, kCodeDepth * kPanelCols);
  }
  unroll<2>([&](auto r) __attribute__((always_inline)) {
    unroll<WIDE>([&](auto p) __attribute__((always_inline)) {
      unit.template store<r * 2 + p>(sums + r * 16 * WIDE * kPanelCols + p * kPanelCols, WIDE * kPanelCols * 4);
    });
  });
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
