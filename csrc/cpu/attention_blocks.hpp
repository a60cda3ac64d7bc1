// How attention cuts its packed sequences into blocks of kBlock tokens, and how a block of q, k, v or dy is packed for products.
// Blocks start at a sequence's first token, so what a sequence yields does not depend on its neighbours in the pack.
#pragma once

#include "cpu/panels.hpp"
#include "cpu/tile_product.hpp"

namespace ayar::cpu::AYAR_ISA {

constexpr int64_t kBlock = 64;

struct Block {
  int64_t token;  // its first, counted over the whole pack
  int64_t rows;   // 1 … kBlock
  int64_t first;  // index of its sequence's first block
  int64_t end;    // index past its sequence's last block
};

AYAR_INLINE int64_t count_blocks(View cu_seqlens) {
  const int32_t* bounds = cu_seqlens.data<int32_t>();
  int64_t blocks = 0;
  for (int64_t s = 0; s + 1 < cu_seqlens.size(); ++s) blocks += round_up(bounds[s + 1] - bounds[s], kBlock) / kBlock;
  return blocks;
}

AYAR_INLINE void list_blocks(View cu_seqlens, Block* blocks) {
  const int32_t* bounds = cu_seqlens.data<int32_t>();
  int64_t next = 0;
  for (int64_t s = 0; s + 1 < cu_seqlens.size(); ++s) {
    const int64_t first = next, end = first + round_up(bounds[s + 1] - bounds[s], kBlock) / kBlock;
    for (int64_t token = bounds[s]; token < bounds[s + 1]; token += kBlock, ++next) {
      const int64_t left = bounds[s + 1] - token;
      blocks[next] = {token, left < kBlock ? left : kBlock, first, end};
    }
  }
}

AYAR_INLINE void convert(const float* from, float* to) {
  *to = *from;
}
AYAR_INLINE void convert(const bfloat16* from, float* to) {
  *to = load(from);
}
AYAR_INLINE void convert(const bfloat16* from, bfloat16* to) {
  *to = *from;
}

// A block as rows in groups of kDepth, interleaved element by element:  to[(r / kDepth) · stride + c][r % kDepth].  kDepth = 1 copies.
// Fills kBlock × stride elements: what the block does not have is zero.
template <int kDepth, class T, class Element>
AYAR_INLINE void interleave_rows(const T* from, int64_t from_stride, int64_t rows, int64_t cols, Element* to, int64_t stride) {
  if (rows < kBlock || cols < stride) __builtin_memset(to, 0, sizeof(Element) * kBlock * stride);
  if constexpr (kDepth == 1) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) convert(from + r * from_stride + c, to + r * stride + c);
    }
  } else {
    static_assert(kDepth == 2 && sizeof(T) == 2 && sizeof(Element) == 2);
    for (int64_t r = 0; r < rows; r += 2) {
      const T* even = from + r * from_stride;
      const T* odd = even + from_stride;
      Element* pair = to + r * stride;
      if (r + 1 < rows) {
        for (int64_t c = 0; c < cols; ++c) {
          convert(even + c, pair + 2 * c);
          convert(odd + c, pair + 2 * c + 1);
        }
      } else {
        for (int64_t c = 0; c < cols; ++c) convert(even + c, pair + 2 * c);
      }
    }
  }
}

// A block turned over:  to[(c / kDepth) · kBlock + r][c % kDepth].  Fills kBlock × padded_cols elements, as above.
template <int kDepth, class T, class Element>
AYAR_INLINE void transpose_rows(const T* from, int64_t from_stride, int64_t rows, int64_t cols, Element* to, int64_t padded_cols) {
  if (rows < kBlock || cols < padded_cols) __builtin_memset(to, 0, sizeof(Element) * kBlock * padded_cols);
  const int64_t whole = cols / kDepth;
  for (int64_t group = 0; group < whole; ++group) {
    for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 2
      for (int64_t i = 0; i < kDepth; ++i) convert(from + r * from_stride + group * kDepth + i, to + (group * kBlock + r) * kDepth + i);
    }
  }
  if (kDepth > 1 && cols % kDepth != 0) {
    for (int64_t r = 0; r < rows; ++r) convert(from + r * from_stride + cols - 1, to + (whole * kBlock + r) * kDepth);
  }
}

}  // namespace ayar::cpu::AYAR_ISA
