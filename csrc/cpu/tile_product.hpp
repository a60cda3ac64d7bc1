// Small matrix products on packed operands: a tile of kTileRows rows and a few registers of columns, kept in registers.
//   sum[m][n] += Σₖ left[m][k] · right[k][n]
// left: rows as they are.  right: packed in steps of k, kDepth rows of it interleaved element by element, so that one
// instruction multiplies kDepth of them:  right[(k / kDepth) · stride + n][k % kDepth].
#pragma once

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {

constexpr int kTileRows = 4;
#if defined(__AVX512F__)
constexpr int kTileVectors = 4;  // 16 sums of 32 registers: enough chains to hide the latency of a multiply-add
#elif defined(__AVX2__)
constexpr int kTileVectors = 3;  // 12 sums, 3 columns and 1 row: all 16 registers
#else
constexpr int kTileVectors = 2;
#endif

struct Fp32Product {
  using Element = float;
  static constexpr int kDepth = 1;
  using Register = Floats;
  static AYAR_INLINE Register columns(const float* right) { return load_vector(right); }
  static AYAR_INLINE Register row(const float* left) { return broadcast(*left); }
  static AYAR_INLINE Floats multiply_add(Register a, Register b, Floats sum) { return a * b + sum; }
  static AYAR_INLINE void round_row(Floats value, float* to) { store_vector(to, value); }
};

template <class T>
struct ProductOf {
  using type = Fp32Product;  // bf16 is widened while it is packed
};

#if defined(__AVX512BF16__)
struct Bf16PairProduct {
  using Element = bfloat16;
  static constexpr int kDepth = 2;
  using Register = __m512bh;
  static AYAR_INLINE Register columns(const bfloat16* right) {
    Register value;
    __builtin_memcpy(&value, right, sizeof value);
    return value;
  }
  static AYAR_INLINE Register row(const bfloat16* left) {
    int32_t pair;
    __builtin_memcpy(&pair, left, sizeof pair);
    return (Register)_mm512_set1_epi32(pair);
  }
  static AYAR_INLINE Floats multiply_add(Register a, Register b, Floats sum) { return (Floats)_mm512_dpbf16_ps((__m512)sum, a, b); }
  static AYAR_INLINE void round_row(Floats value, bfloat16* to) {
    const auto bits = _mm512_cvtneps_pbh((__m512)value);
    __builtin_memcpy(to, &bits, sizeof bits);
  }
  static AYAR_INLINE void round_pair(Floats even, Floats odd, bfloat16* to) {
    const Floats both[2] = {even, odd};
    store_two(to, both);
  }
};

template <>
struct ProductOf<bfloat16> {
  using type = Bf16PairProduct;
};
#endif

// steps: how many groups of kDepth rows of `right` take part. Strides in elements of `left`, in columns of `right`.
template <class Product, int kVectors>
AYAR_INLINE void multiply_tile(const typename Product::Element* left, int64_t left_stride, const typename Product::Element* right,
                               int64_t right_stride, int64_t steps, Floats (&sum)[kTileRows][kVectors]) {
  constexpr int kDepth = Product::kDepth;
  for (int64_t k = 0; k < steps; ++k) {
    typename Product::Register columns[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) columns[v] = Product::columns(right + (k * right_stride + v * kLanes) * kDepth);
#pragma GCC unroll 8
    for (int m = 0; m < kTileRows; ++m) {
      const auto row = Product::row(left + m * left_stride + k * kDepth);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[m][v] = Product::multiply_add(row, columns[v], sum[m][v]);
    }
  }
}

// A tile of zeros, from memory, to memory. Loops are unrolled so that a tile lives in registers.
template <int kVectors>
AYAR_INLINE void clear_tile(Floats (&sum)[kTileRows][kVectors]) {
#pragma GCC unroll 8
  for (int m = 0; m < kTileRows; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[m][v] = Floats{};
  }
}
template <int kVectors>
AYAR_INLINE void load_tile(const float* from, int64_t stride, Floats (&sum)[kTileRows][kVectors]) {
#pragma GCC unroll 8
  for (int m = 0; m < kTileRows; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[m][v] = load_vector(from + m * stride + v * kLanes);
  }
}
template <int kVectors>
AYAR_INLINE void store_tile(float* to, int64_t stride, const Floats (&sum)[kTileRows][kVectors]) {
#pragma GCC unroll 8
  for (int m = 0; m < kTileRows; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) store_vector(to + m * stride + v * kLanes, sum[m][v]);
  }
}

// Calls body.operator()<kVectors>(first vector) for tiles that cover the vectors [begin, end).
template <class Body>
AYAR_INLINE void each_column_tile(int64_t begin, int64_t end, Body&& body) {
  int64_t v = begin;
  for (; v + kTileVectors <= end; v += kTileVectors) body.template operator()<kTileVectors>(v);
  if constexpr (kTileVectors > 3) {
    if (end - v == 3) body.template operator()<3>(v);
  }
  if constexpr (kTileVectors > 2) {
    if (end - v == 2) body.template operator()<2>(v);
  }
  if (end - v == 1) body.template operator()<1>(v);
}

// `to` [kTileRows, kLanes · vectors] += left [kTileRows, k] · right, all columns.
template <class Product>
AYAR_INLINE void add_product(const typename Product::Element* left, int64_t left_stride, const typename Product::Element* right,
                             int64_t right_stride, int64_t steps, int64_t vectors, float* to, int64_t to_stride) {
  each_column_tile(0, vectors, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
    Floats sum[kTileRows][kVectors];
    load_tile(to + v * kLanes, to_stride, sum);
    multiply_tile<Product>(left, left_stride, right + v * kLanes * Product::kDepth, right_stride, steps, sum);
    store_tile(to + v * kLanes, to_stride, sum);
  });
}

}  // namespace ayar::cpu::AYAR_ISA
