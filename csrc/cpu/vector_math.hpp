// One register of fp32 lanes, as wide as the instruction set has, and the functions that libm does not offer for it.
// Lives in the namespace of the instruction set and is always inlined: no symbol of it can reach another set's object.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "core/view.hpp"

namespace ayar::cpu::AYAR_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

using Floats = float __attribute__((vector_size(4 * kLanes)));
using Words = uint32_t __attribute__((vector_size(4 * kLanes)));
using Halves = uint16_t __attribute__((vector_size(2 * kLanes)));

AYAR_INLINE Floats broadcast(float value) {
  return value - Floats{};
}
AYAR_INLINE Floats load_vector(const float* p) {
  Floats value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}
AYAR_INLINE Floats load_vector(const bfloat16* p) {
  Halves bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return (Floats)(__builtin_convertvector(bits, Words) << 16);
}
AYAR_INLINE void store_vector(float* p, Floats value) {
  __builtin_memcpy(p, &value, sizeof value);
}
// The rounding of the scalar store, in the upper half of each word: to nearest, ties to even; a NaN stays a NaN.
AYAR_INLINE Words rounded_to_bfloat16(Floats value) {
  const Words bits = (Words)value;
  return value == value ? bits + 0x7FFF + ((bits >> 16) & 1) : bits | 0x400000;
}
AYAR_INLINE void store_vector(bfloat16* p, Floats value) {
#if defined(__AVX512BF16__)
  const auto bits = _mm512_cvtneps_pbh((__m512)value);  // numbers below the normal ones become 0
#else
  const Halves bits = __builtin_convertvector(rounded_to_bfloat16(value) >> 16, Halves);
#endif
  __builtin_memcpy(p, &bits, sizeof bits);
}

// 2 · kLanes neighbours in two registers, in the order that costs least: for what is done to each by itself.
AYAR_INLINE void load_two(const float* p, Floats (&value)[2]) {
  __builtin_memcpy(&value, p, sizeof value);
}
AYAR_INLINE void load_two(const bfloat16* p, Floats (&value)[2]) {
  Words pairs;
  __builtin_memcpy(&pairs, p, sizeof pairs);
  value[0] = (Floats)(pairs << 16);
  value[1] = (Floats)(pairs & 0xFFFF0000);
}
AYAR_INLINE void store_two(float* p, const Floats (&value)[2]) {
  __builtin_memcpy(p, &value, sizeof value);
}
AYAR_INLINE void store_two(bfloat16* p, const Floats (&value)[2]) {
#if defined(__AVX512BF16__)
  const auto halves = (__m512i)_mm512_cvtne2ps_pbh((__m512)value[1], (__m512)value[0]);  // one after the other
  const __m512i order = (__m512i)(Words{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} * 0x10001 + 0x100000);
  const __m512i pairs = _mm512_permutexvar_epi16(order, halves);
#else
  const Words pairs = rounded_to_bfloat16(value[0]) >> 16 | (rounded_to_bfloat16(value[1]) & 0xFFFF0000);
#endif
  __builtin_memcpy(p, &pairs, sizeof pairs);
}

AYAR_INLINE Floats max(Floats a, Floats b) {
  return a > b ? a : b;
}

// The lanes folded in halves; every lane of the result holds the outcome. The order is the same on every call.
template <class Combine>
AYAR_INLINE Floats fold_lanes(Floats v, Combine combine) {
#if defined(__AVX512F__)
  v = combine(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = combine(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
#elif defined(__AVX2__)
  v = combine(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3));
  v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5));
  return combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6));
#else
  v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
  return combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2));
#endif
}
AYAR_INLINE Floats sum_lanes(Floats v) {
  return fold_lanes(v, [](Floats a, Floats b) __attribute__((always_inline)) { return a + b; });
}
AYAR_INLINE Floats max_lanes(Floats v) {
  return fold_lanes(v, [](Floats a, Floats b) __attribute__((always_inline)) { return max(a, b); });
}

// to = from · scale, rounded.
template <class T>
AYAR_INLINE void scale_row(const float* from, float scale, int64_t cols, T* to) {
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) store_vector(to + c, load_vector(from + c) * scale);
  for (; c < cols; ++c) store(to + c, from[c] * scale);
}

// One step of a transposition: lanes with bit kStep of b go where those without it were, and the other way round.
#if defined(__AVX512F__)
#define AYAR_EACH_LANE(lane)                                                                                                        \
  lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7), lane(8), lane(9), lane(10), lane(11), lane(12), lane(13), \
      lane(14), lane(15)
#elif defined(__AVX2__)
#define AYAR_EACH_LANE(lane) lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7)
#else
#define AYAR_EACH_LANE(lane) lane(0), lane(1), lane(2), lane(3)
#endif
template <int kStep>
AYAR_INLINE void exchange_lanes(Floats& a, Floats& b) {
#define AYAR_LOW(i) (((i) & kStep) != 0 ? kLanes + (i) - kStep : (i))
#define AYAR_HIGH(i) (((i) & kStep) != 0 ? kLanes + (i) : (i) + kStep)
  const Floats low = __builtin_shufflevector(a, b, AYAR_EACH_LANE(AYAR_LOW));
  b = __builtin_shufflevector(a, b, AYAR_EACH_LANE(AYAR_HIGH));
  a = low;
#undef AYAR_LOW
#undef AYAR_HIGH
}
template <int kStep = kLanes / 2>
AYAR_INLINE void transpose(Floats (&tile)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kStep) == 0) exchange_lanes<kStep>(tile[i], tile[i + kStep]);
  }
  if constexpr (kStep > 1) transpose<kStep / 2>(tile);
}

constexpr float kLog2E = 0x1.715476p0F, kLn2 = 0x1.62e43p-1F;
constexpr float kRound = 0x1.8p23F;  // adding it leaves the nearest integer in the low bits of the sum

// e^r for |r| ≤ ln 2 / 2, relative error 4e-9 before rounding: 1 + r + r²·q(r), q fitted to the least largest error.
AYAR_INLINE Floats exp_of_remainder(Floats r) {
  Floats q = r * 0x1.6a241ap-10F + 0x1.1239f2p-7F;
  q = q * r + 0x1.5558f2p-5F;
  q = q * r + 0x1.555492p-3F;
  q = q * r + 0x1.fffffcp-2F;
  return q * (r * r) + r + 1.0F;
}

// 2^f for |f| ≤ ½, as exact as a result that is stored as Stored needs: relative error 3e-6 for bf16, which itself rounds by 2e-3.
template <class Stored>
AYAR_INLINE Floats exp2_of_fraction(Floats f) {
  if constexpr (sizeof(Stored) == sizeof(float)) return exp_of_remainder(f * kLn2);
  const Floats q = (f * 0x1.3997dcp-7F + 0x1.ca1446p-5F) * f + 0x1.ec06dap-3F;
  return (q * f + 0x1.62e0dcp-1F) * f + 0x1.ffffe8p-1F;
}

// 2^t for −126 ≤ t < 128. NaN stays NaN.
template <class Stored>
AYAR_INLINE Floats exp2_of_normal(Floats t) {
  const Floats shifted = t + kRound;
  return (Floats)((Words)exp2_of_fraction<Stored>(t - (shifted - kRound)) + ((Words)shifted << 23));
}

// 2^t for t < 128, and 0 below the normal numbers (t < −126): all that a softmax needs. NaN stays NaN.
template <class Stored = float>
AYAR_INLINE Floats exp2_of_softmax(Floats t) {
  return t < -126.0F ? Floats{} : exp2_of_normal<Stored>(t);
}

// e^x over the whole range of fp32 (0, denormals and infinity included), 2 ulp.
AYAR_INLINE Floats exp(Floats x) {
  x = x < -104.0F ? broadcast(-104.0F) : x;
  x = x > 89.0F ? broadcast(89.0F) : x;
  const Floats shifted = x * kLog2E + kRound;
  const Floats n = shifted - kRound;
  const Floats p = exp_of_remainder((x - n * 0x1.63p-1F) - n * -0x1.bd0106p-13F);  // ln 2 in two parts: n · the first is exact
  const Words whole = (Words)shifted - 0x4B400000U;  // n as an integer; half of it fits an exponent where n may not
  const Words half = (Words)((__attribute__((vector_size(4 * kLanes))) int32_t)whole >> 1);
  return p * (Floats)((half + 127) << 23) * (Floats)((whole - half + 127) << 23);
}

// 1 / x for normal x up to 2^126, where the processor has an estimate: 3 ulp.
AYAR_INLINE Floats reciprocal(Floats x) {
#if defined(__AVX512F__)
  const Floats estimate = (Floats)_mm512_rcp14_ps((__m512)x);
  return estimate * (2.0F - x * estimate);
#elif defined(__AVX2__)
  const Floats estimate = (Floats)_mm256_rcp_ps((__m256)x);
  return estimate * (2.0F - x * estimate);
#else
  return 1.0F / x;
#endif
}

// 1 / (1 + e^−x), as exact as a result that is stored as Stored needs; for bf16 not below 2^−126.
template <class Stored>
AYAR_INLINE Floats sigmoid(Floats x) {
  if constexpr (sizeof(Stored) == sizeof(float)) return 1.0F / (1.0F + exp(-x));
  Floats t = x * -kLog2E;
  t = t > 126.0F ? broadcast(126.0F) : t;
  t = t < -126.0F ? broadcast(-126.0F) : t;
  return reciprocal(1.0F + exp2_of_normal<Stored>(t));
}

}  // namespace ayar::cpu::AYAR_ISA
