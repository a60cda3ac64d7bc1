// Panels of the transpose, made from panels as they are stored: one packed copy of a weight serves both directions.
//
// y = x Wᵀ wants bf16 pairs along K, dx = dy W wants them along N. A square of 16 × 16 elements is 512 contiguous bytes in either form:
// eight by eight groups of 2 × 2, each turned in itself and all of them turned among themselves.
#pragma once

#include "cpu/gemm.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kSquare = kPanelCols;  // rows and columns of one square

// groups[a][b] holds elements (2a, 2b), (2a + 1, 2b), (2a, 2b + 1), (2a + 1, 2b + 1) of a square.
AYAR_INLINE void turn_square(const bfloat16* from, bfloat16* to) {
  uint64_t groups[64], turned[64];
  __builtin_memcpy(groups, from, sizeof groups);
  for (int i = 0; i < 64; ++i) {
    const uint64_t group = groups[i];
    groups[i] = (group & 0xFFFF00000000FFFF) | (group << 16 & 0x0000FFFF00000000) | (group >> 16 & 0x00000000FFFF0000);
  }
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b < 8; ++b) turned[b * 8 + a] = groups[a * 8 + b];
  }
  __builtin_memcpy(to, turned, sizeof turned);
}
AYAR_INLINE void turn_square(const float* from, float* to) {
  for (int a = 0; a < kSquare; ++a) {
    for (int b = 0; b < kSquare; ++b) to[b * kSquare + a] = from[a * kSquare + b];
  }
}

// `count` panels of the transpose, `stride` elements apart: their columns are the steps [panel · 16, (panel + count) · 16) of the stored
// depth, their depth runs over the stored columns [range.begin, range.end). range.begin: a multiple of 16.
template <class T>
void transpose_panels(const T* stored, int64_t stored_depth, int64_t panel, int64_t count, DepthRange range, T* to, int64_t stride) {
  constexpr int64_t kSize = kSquare * kSquare;
  const int64_t steps = padded_depth(stored_depth) - panel * kSquare;
  const T* from = stored + range.begin / kSquare * panel_size(stored_depth) + panel * kSize;
  for (int64_t n = range.begin; n < range.end; n += kSquare, from += panel_size(stored_depth), to += kSize) {
    const int64_t wanted = padded_depth(range.end - n) * kSquare;
    for (int64_t p = 0; p < count; ++p) {
      const T* square = from + p * kSize;
      T padded[kSize], whole[kSize];
      if (steps - p * kSquare < kSquare) {
        for (int64_t i = 0; i < kSize; ++i) padded[i] = i < (steps - p * kSquare) * kSquare ? square[i] : T{};
        square = padded;
      }
      turn_square(square, wanted >= kSize ? to + p * stride : whole);
      for (int64_t i = 0; i < wanted && wanted < kSize; ++i) to[p * stride + i] = whole[i];
    }
  }
}

// Squares that will be turned soon, brought into the second-level cache meanwhile: they lie where no processor looks ahead by itself.
template <class T>
struct NextSquares {
  const T* first = nullptr;
  int64_t rows = 0, row_stride = 0, row_size = 0;  // of squares, in elements

  // The share of one row of tiles out of `all`, which begins at row `at`; `step` rows high.
  AYAR_INLINE void bring(int64_t at, int64_t step, int64_t all) const {
    constexpr int64_t kLine = 64 / sizeof(T);
    const int64_t end = rows * (at + step < all ? at + step : all) / all;
    for (int64_t row = rows * at / all; row < end; ++row) {
      for (int64_t i = 0; i < row_size; i += kLine) __builtin_prefetch(first + row * row_stride + i, 0, 2);
    }
  }
};

template <class T>
AYAR_INLINE NextSquares<T> squares_at(const T* stored, int64_t stored_depth, int64_t panel, int64_t count, DepthRange range) {
  constexpr int64_t kSize = kSquare * kSquare;
  const int64_t left = padded_depth(stored_depth) * kSquare - panel * kSize;
  return {stored + range.begin / kSquare * panel_size(stored_depth) + panel * kSize, (range.end - range.begin + kSquare - 1) / kSquare,
          panel_size(stored_depth), count * kSize < left ? count * kSize : left};
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
