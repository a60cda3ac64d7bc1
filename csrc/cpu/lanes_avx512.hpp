// One zmm register. 24 sums leave room for 4 panels and a broadcast; they also hide the latency of FMA (4) and vdpbf16ps (6).
#pragma once

#include <immintrin.h>

#include "core/view.hpp"

#if defined(__AVX512BF16__)
#define AYAR_DOT_BF16 1  // a bf16 product is computed as such; elsewhere bf16 is widened to fp32 first
#endif

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int kTilePanels = 4;
template <int PANELS>
constexpr int kTileRows = PANELS == 4 ? 6 : 8;
constexpr int kOuterRows = 8, kOuterPanels = 3;

struct Lanes {
  __m512 value;
};

AYAR_INLINE Lanes zero_lanes() {
  return {_mm512_setzero_ps()};
}
AYAR_INLINE Lanes broadcast(float x) {
  return {_mm512_set1_ps(x)};
}
AYAR_INLINE Lanes load_lanes(const float* p) {
  return {_mm512_loadu_ps(p)};
}
AYAR_INLINE Lanes load_lanes(const bfloat16* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
AYAR_INLINE Lanes add(Lanes a, Lanes b) {
  return {_mm512_add_ps(a.value, b.value)};
}
AYAR_INLINE Lanes multiply_add(Lanes a, Lanes b, Lanes sum) {
  return {_mm512_fmadd_ps(a.value, b.value, sum.value)};
}
AYAR_INLINE void store_lanes(float* p, Lanes x) {
  _mm512_storeu_ps(p, x.value);
}
AYAR_INLINE void store_lanes(bfloat16* p, Lanes x) {
#if defined(AYAR_DOT_BF16)
  const __m256bh rounded = _mm512_cvtneps_pbh(x.value);
  __builtin_memcpy(p, &rounded, sizeof rounded);
#else
  const __m512i bits = _mm512_castps_si512(x.value);
  const __m512i high = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF))), 16);
  const __m512i quiet_nan = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
  const __mmask16 is_nan = _mm512_cmp_ps_mask(x.value, x.value, _CMP_UNORD_Q);
  const __m512i result = _mm512_mask_mov_epi32(rounded, is_nan, quiet_nan);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(result));
#endif
}
// The even and the odd steps of 16 pairs of bf16, each as 16 fp32.
AYAR_INLINE void load_pairs(const bfloat16* p, Lanes& even, Lanes& odd) {
  const __m512i pairs = _mm512_loadu_si512(p);
  even.value = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
  odd.value = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xFFFF0000))));
}

#if defined(AYAR_DOT_BF16)
// Two depth steps of 16 columns, side by side.
struct Pairs {
  __m512bh value;
};
AYAR_INLINE Pairs load_step(const bfloat16* p) {
  return {reinterpret_cast<__m512bh>(_mm512_loadu_si512(p))};
}
AYAR_INLINE Pairs broadcast_step(const bfloat16* p) {
  int pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return {reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair))};
}
AYAR_INLINE Lanes multiply_add(Pairs a, Pairs b, Lanes sum) {
  return {_mm512_dpbf16_ps(sum.value, a.value, b.value)};
}
AYAR_INLINE __m512i low_halves(const bfloat16* p) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
AYAR_INLINE void store_interleaved(bfloat16* to, const bfloat16* even, const bfloat16* odd) {
  _mm512_storeu_si512(to, _mm512_or_si512(low_halves(even), _mm512_slli_epi32(low_halves(odd), 16)));
}
#endif

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
