// Sixteen columns of integer sums of one row, and the step that adds four products to each.
#pragma once

#include "cpu/int8_weight.hpp"
#include "cpu/lanes.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

// Int8Code: what a row's code is stored as. CodeStep: four codes of a row, for every column. WeightStep: four steps of 16 columns.
#if defined(__AVX512VNNI__)
constexpr int kInt8Rows = 6, kInt8Panels = 4;
using Int8Code = int8_t;
struct Int8Sums {
  __m512i value = _mm512_setzero_si512();
};
struct CodeStep {
  __m512i value;
};
struct WeightStep {
  __m512i value;
};
AYAR_INLINE CodeStep broadcast_codes(const int8_t* p) {
  int four;
  __builtin_memcpy(&four, p, sizeof four);
  return {_mm512_set1_epi32(four)};
}
AYAR_INLINE WeightStep load_weights(const uint8_t* p) {
  return {_mm512_loadu_si512(p)};
}
AYAR_INLINE void add_products(const CodeStep& codes, const WeightStep& weights, Int8Sums& sums) {
  sums.value = _mm512_dpbusd_epi32(sums.value, weights.value, codes.value);
}
AYAR_INLINE Lanes less(const Int8Sums& sums, int32_t correction) {
  return {_mm512_cvtepi32_ps(_mm512_sub_epi32(sums.value, _mm512_set1_epi32(correction)))};
}
AYAR_INLINE Lanes multiply(Lanes a, Lanes b) {
  return {_mm512_mul_ps(a.value, b.value)};
}
#elif defined(__AVX512F__)
constexpr int kInt8Rows = 4, kInt8Panels = 2;
using Int8Code = int16_t;
struct Int8Sums {  // two sums a column, side by side: columns 0 to 7 and 8 to 15
  __m512i low = _mm512_setzero_si512(), high = _mm512_setzero_si512();
};
struct CodeStep {
  __m512i value;
};
struct WeightStep {
  __m512i low, high;
};
AYAR_INLINE CodeStep broadcast_codes(const int16_t* p) {
  int64_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return {_mm512_set1_epi64(four)};
}
AYAR_INLINE WeightStep load_weights(const uint8_t* p) {
  return {_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))),
          _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32)))};
}
AYAR_INLINE void add_products(const CodeStep& codes, const WeightStep& weights, Int8Sums& sums) {
  sums.low = _mm512_add_epi32(sums.low, _mm512_madd_epi16(codes.value, weights.low));
  sums.high = _mm512_add_epi32(sums.high, _mm512_madd_epi16(codes.value, weights.high));
}
AYAR_INLINE Lanes less(const Int8Sums& sums, int32_t correction) {
  const __m512i low = _mm512_add_epi32(sums.low, _mm512_srli_epi64(sums.low, 32));
  const __m512i high = _mm512_add_epi32(sums.high, _mm512_srli_epi64(sums.high, 32));
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  return {_mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_permutex2var_epi32(low, even, high), _mm512_set1_epi32(correction)))};
}
AYAR_INLINE Lanes multiply(Lanes a, Lanes b) {
  return {_mm512_mul_ps(a.value, b.value)};
}
#elif defined(__AVX2__)
constexpr int kInt8Rows = 2, kInt8Panels = 1;
using Int8Code = int16_t;
struct Int8Sums {  // two sums a column, side by side, four columns a register
  __m256i value[4] = {};
};
struct CodeStep {
  __m256i value;
};
struct WeightStep {
  __m256i value[4];
};
AYAR_INLINE CodeStep broadcast_codes(const int16_t* p) {
  int64_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return {_mm256_set1_epi64x(four)};
}
AYAR_INLINE WeightStep load_weights(const uint8_t* p) {
  WeightStep step;
  for (int i = 0; i < 4; ++i) step.value[i] = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * i)));
  return step;
}
AYAR_INLINE void add_products(const CodeStep& codes, const WeightStep& weights, Int8Sums& sums) {
  for (int i = 0; i < 4; ++i) sums.value[i] = _mm256_add_epi32(sums.value[i], _mm256_madd_epi16(codes.value, weights.value[i]));
}
AYAR_INLINE __m256 eight_less(__m256i a, __m256i b, int32_t correction) {
  const __m256i columns = _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xD8);
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(columns, _mm256_set1_epi32(correction)));
}
AYAR_INLINE Lanes less(const Int8Sums& sums, int32_t correction) {
  return {eight_less(sums.value[0], sums.value[1], correction), eight_less(sums.value[2], sums.value[3], correction)};
}
AYAR_INLINE Lanes multiply(Lanes a, Lanes b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
#else
constexpr int kInt8Rows = 2, kInt8Panels = 1;
using Int8Code = int8_t;
struct Int8Sums {
  int32_t value[kPanelCols] = {};
};
struct CodeStep {
  int32_t value[kInt8Steps];
};
struct WeightStep {
  const uint8_t* place;
};
AYAR_INLINE CodeStep broadcast_codes(const int8_t* p) {
  return {{p[0], p[1], p[2], p[3]}};
}
AYAR_INLINE WeightStep load_weights(const uint8_t* p) {
  return {p};
}
AYAR_INLINE void add_products(const CodeStep& codes, const WeightStep& weights, Int8Sums& sums) {
  for (int c = 0; c < kPanelCols; ++c) {
    for (int i = 0; i < kInt8Steps; ++i) sums.value[c] += codes.value[i] * weights.place[c * kInt8Steps + i];
  }
}
AYAR_INLINE Lanes less(const Int8Sums& sums, int32_t correction) {
  float values[kPanelCols];
  for (int c = 0; c < kPanelCols; ++c) values[c] = static_cast<float>(sums.value[c] - correction);
  return load_lanes(values);
}
AYAR_INLINE Lanes multiply(const Lanes& a, const Lanes& b) {
  return {{a.quad[0] * b.quad[0], a.quad[1] * b.quad[1], a.quad[2] * b.quad[2], a.quad[3] * b.quad[3]}};
}
#endif

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
