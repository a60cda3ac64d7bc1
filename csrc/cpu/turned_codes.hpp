// Panels of the transpose of int8 codes: as transposed_panels.hpp, with four steps side by side instead of two.
//
// A square of 16 × 16 codes is 256 contiguous bytes in either form: four by four blocks of 4 × 4, each turned in itself and all of them
// turned among themselves.
#pragma once

#include "cpu/int8_weight.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kCodeSquare = kPanelCols * kPanelCols;
using CodeBlock = uint8_t __attribute__((vector_size(16)));

AYAR_INLINE void turn_codes(const uint8_t* from, uint8_t* to) {
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) {
      CodeBlock block;
      __builtin_memcpy(&block, from + (a * 4 + b) * 16, sizeof block);
      block = __builtin_shufflevector(block, block, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
      __builtin_memcpy(to + (b * 4 + a) * 16, &block, sizeof block);
    }
  }
}

// `count` panels whose columns are the steps [panel · 16, (panel + count) · 16) of the stored depth, and whose depth is all stored columns.
void turn_code_panels(const uint8_t* stored, int64_t stored_depth, int64_t stored_cols, int64_t panel, int64_t count, uint8_t* to) {
  const int64_t stride = int8_panel_size(stored_cols), stored_stride = int8_panel_size(stored_depth);
  for (int64_t n = 0; n < stored_cols; n += kPanelCols) {
    const uint8_t* from = stored + n / kPanelCols * stored_stride;
    const int64_t wanted = round_up(stored_cols - n, kInt8Steps) * kPanelCols;
    for (int64_t p = 0; p < count; ++p) {
      const int64_t begin = (panel + p) * kCodeSquare;
      uint8_t padded[kCodeSquare], whole[kCodeSquare];
      const uint8_t* square = from + begin;
      if (begin + kCodeSquare > stored_stride) {
        for (int64_t i = 0; i < kCodeSquare; ++i) padded[i] = begin + i < stored_stride ? square[i] : static_cast<uint8_t>(kInt8Zero);
        square = padded;
      }
      uint8_t* place = to + p * stride + n * kPanelCols;
      turn_codes(square, wanted >= kCodeSquare ? place : whole);
      for (int64_t i = 0; i < wanted && wanted < kCodeSquare; ++i) place[i] = whole[i];
    }
  }
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
