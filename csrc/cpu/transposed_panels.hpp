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

using Groups = uint64_t __attribute__((vector_size(64)));  // a row of eight groups: elements (0, 0), (1, 0), (0, 1), (1, 1)

// One step of turning: in each pair of rows that are STEP apart, blocks of STEP × STEP groups off the diagonal change places.
template <int STEP>
AYAR_INLINE void exchange_groups(Groups (&rows)[8]) {
  for (int i = 0; i < 8; ++i) {
    if ((i & STEP) != 0) continue;
    Groups& a = rows[i];
    Groups& b = rows[i + STEP];
    Groups low, high;
    if constexpr (STEP == 1) {
      low = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
      high = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
    } else if constexpr (STEP == 2) {
      low = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      high = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    } else {
      low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
      high = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    }
    a = low;
    b = high;
  }
}

AYAR_INLINE void turn_square(const bfloat16* from, bfloat16* to) {
  Groups rows[8];
  __builtin_memcpy(rows, from, sizeof rows);
  for (Groups& group : rows) {
    group = (group & 0xFFFF00000000FFFF) | (group << 16 & 0x0000FFFF00000000) | (group >> 16 & 0x00000000FFFF0000);
  }
  exchange_groups<1>(rows);
  exchange_groups<2>(rows);
  exchange_groups<4>(rows);
  __builtin_memcpy(to, rows, sizeof rows);
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
