// How a block of q, k, v or dy, up to kBlock tokens of one head, is packed for products.
#pragma once

#include "cpu/attention_shape.hpp"
#include "cpu/attention_tree.hpp"
#include "cpu/tile_product.hpp"

namespace ayar::cpu::AYAR_ISA {

// Rows of a block that are filled, with zeros where the block has none: whole registers, of pairs too.
AYAR_INLINE int64_t filled_rows(int64_t rows) {
  return round_up(rows, 2 * kLanes);
}

// Rows are short: a call of the library's copy or fill would cost more than the work.
template <class Element>
AYAR_INLINE void convert_row(const Element* from, int64_t cols, Element* to) {
  constexpr int64_t kStep = sizeof(Floats) / sizeof(Element);
  int64_t c = 0;
  for (; c + kStep <= cols; c += kStep) __builtin_memcpy(to + c, from + c, sizeof(Floats));
  for (; c < cols; ++c) to[c] = from[c];
}
AYAR_INLINE void convert_row(const bfloat16* from, int64_t cols, float* to) {
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) store_vector(to + c, load_vector(from + c));
  for (; c < cols; ++c) to[c] = load(from + c);
}

// Zeros; count: of whole registers.
template <class Element>
AYAR_INLINE void clear_registers(Element* to, int64_t count) {
  constexpr int64_t kStep = sizeof(Floats) / sizeof(Element);
  for (int64_t i = 0; i < count; i += kStep) {
    store_vector(reinterpret_cast<float*>(to + i), Floats{});
    asm("");  // or the compiler makes it a string instruction, which starts slowly
  }
}

// A block of one head, out of a matrix of many, as rows of `dim` elements.
template <class T, class Element>
AYAR_INLINE void copy_block(const T* from, int64_t from_stride, int64_t rows, int64_t cols, Element* to, int64_t dim) {
  for (int64_t r = 0; r < rows; ++r) {
    convert_row(from + r * from_stride, cols, to + r * dim);
    for (int64_t c = cols; c < dim; ++c) to[r * dim + c] = Element{};
  }
  for (int64_t i = rows * dim; i < filled_rows(rows) * dim; ++i) to[i] = Element{};
}

// Two rows become one, element by element: rows that a product takes as its right side.
AYAR_INLINE void interleave_block(const bfloat16* from, int64_t rows, int64_t dim, bfloat16* to) {
  for (int64_t r = 0; r < filled_rows(rows); r += 2) {
    for (int64_t c = 0; c < dim; c += kLanes) {
      Halves even, odd;
      __builtin_memcpy(&even, from + r * dim + c, sizeof even);
      __builtin_memcpy(&odd, from + (r + 1) * dim + c, sizeof odd);
      const Words pairs = __builtin_convertvector(even, Words) | __builtin_convertvector(odd, Words) << 16;
      __builtin_memcpy(to + r * dim + 2 * c, &pairs, sizeof pairs);
    }
  }
}

// Matrix of 32-bit words turned over: to[c][r] = from[r][c]. rows: a multiple of kLanes.
AYAR_INLINE void turn_words(const void* from, int64_t rows, int64_t cols, int64_t from_stride, void* to, int64_t to_stride) {
  const auto* source = static_cast<const char*>(from);
  auto* target = static_cast<char*>(to);
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) {
    for (int64_t r = 0; r < rows; r += kLanes) {
      Floats tile[kLanes];
      for (int i = 0; i < kLanes; ++i) __builtin_memcpy(&tile[i], source + 4 * ((r + i) * from_stride + c), sizeof tile[i]);
      transpose(tile);
      for (int i = 0; i < kLanes; ++i) __builtin_memcpy(target + 4 * ((c + i) * to_stride + r), &tile[i], sizeof tile[i]);
    }
  }
  for (; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) __builtin_memcpy(target + 4 * (c * to_stride + r), source + 4 * (r * from_stride + c), 4);
  }
}

}  // namespace ayar::cpu::AYAR_ISA
