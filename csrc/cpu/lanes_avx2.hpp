// Two ymm registers. 6 rows × 1 panel make 12 sums, leaving 4 registers for the panel and a broadcast.
#pragma once

#include <immintrin.h>

#include "core/view.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int kTilePanels = 1;
template <int PANELS>
constexpr int kTileRows = 6;
constexpr int kOuterRows = 4, kOuterPanels = 1;

struct Lanes {
  __m256 low, high;
};

AYAR_INLINE Lanes zero_lanes() {
  return {_mm256_setzero_ps(), _mm256_setzero_ps()};
}
AYAR_INLINE Lanes broadcast(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
AYAR_INLINE Lanes load_lanes(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
AYAR_INLINE __m256 widen(__m128i bits) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
AYAR_INLINE Lanes load_lanes(const bfloat16* p) {
  return {widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}
AYAR_INLINE Lanes add(Lanes a, Lanes b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
AYAR_INLINE Lanes multiply_add(Lanes a, Lanes b, Lanes sum) {
  return {_mm256_fmadd_ps(a.low, b.low, sum.low), _mm256_fmadd_ps(a.high, b.high, sum.high)};
}
AYAR_INLINE void store_lanes(float* p, Lanes x) {
  _mm256_storeu_ps(p, x.low);
  _mm256_storeu_ps(p + 8, x.high);
}
AYAR_INLINE __m256i round_to_bf16(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF))), 16);
  const __m256i quiet_nan = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  return _mm256_blendv_epi8(rounded, quiet_nan, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}
AYAR_INLINE void store_lanes(bfloat16* p, Lanes x) {
  const __m256i packed = _mm256_packus_epi32(round_to_bf16(x.low), round_to_bf16(x.high));  // by 128-bit halves
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xD8));
}
// The even and the odd steps of 16 pairs of bf16, each as 16 fp32.
AYAR_INLINE void load_pairs(const bfloat16* p, Lanes& even, Lanes& odd) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 16));
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(0xFFFF0000));
  even = {_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
  odd = {_mm256_castsi256_ps(_mm256_and_si256(low, mask)), _mm256_castsi256_ps(_mm256_and_si256(high, mask))};
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
