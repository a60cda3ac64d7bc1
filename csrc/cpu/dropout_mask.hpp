// Rows of a dropout mask, and what is done with them. A mask is one bit a column, 16 columns a word, set where the element is kept.
#pragma once

#include "cpu/dropout.hpp"
#include "cpu/lanes.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr uint32_t kPhiloxMultipliers[2] = {0xD2511F53, 0xCD9E8D57};
constexpr uint32_t kPhiloxWeyl[2] = {0x9E3779B9, 0xBB67AE85};
constexpr int64_t kMaskGroup = 128;  // columns that 16 counters decide on

AYAR_INLINE int64_t mask_words(int64_t cols) {
  return round_up(cols, kMaskGroup) / 16;
}

#if defined(__AVX512F__)
// The four words of 16 counters that differ in the first word alone.
AYAR_INLINE void philox(uint64_t key, uint32_t first, uint32_t row, uint32_t stream, uint32_t draw, __m512i* word) {
  const __m512i iota = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  __m512i c0 = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)), iota);
  __m512i c1 = _mm512_set1_epi32(static_cast<int>(row)), c2 = _mm512_set1_epi32(static_cast<int>(stream));
  __m512i c3 = _mm512_set1_epi32(static_cast<int>(draw));
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  const __m512i m0 = _mm512_set1_epi32(static_cast<int>(kPhiloxMultipliers[0]));
  const __m512i m1 = _mm512_set1_epi32(static_cast<int>(kPhiloxMultipliers[1]));
  for (int round = 0; round < 10; ++round) {
    const auto products = [](__m512i x, __m512i m, __m512i& high, __m512i& low) __attribute__((always_inline)) {
      const __m512i even = _mm512_mul_epu32(x, m), odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), m);
      high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
      low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
    };
    __m512i high0, low0, high1, low1;
    products(c0, m0, high0, low0);
    products(c2, m1, high1, low1);
    c0 = _mm512_ternarylogic_epi32(high1, c1, _mm512_set1_epi32(static_cast<int>(k0)), 0x96);  // the exclusive or of three
    c2 = _mm512_ternarylogic_epi32(high0, c3, _mm512_set1_epi32(static_cast<int>(k1)), 0x96);
    c1 = low1;
    c3 = low0;
    k0 += kPhiloxWeyl[0];
    k1 += kPhiloxWeyl[1];
  }
  word[0] = c0, word[1] = c1, word[2] = c2, word[3] = c3;
}

AYAR_INLINE void mask_group(uint64_t key, uint32_t first, uint32_t row, uint32_t stream, uint32_t draw, uint32_t threshold,
                            uint16_t* mask) {
  __m512i word[4];
  philox(key, first, row, stream, draw, word);
  const __m512i least = _mm512_set1_epi16(static_cast<int16_t>(threshold));
  for (int w = 0; w < 4; ++w) {
    const uint32_t kept = _mm512_cmpge_epu16_mask(word[w], least);
    __builtin_memcpy(mask + 2 * w, &kept, sizeof kept);
  }
}
#else
AYAR_INLINE void mask_group(uint64_t key, uint32_t first, uint32_t row, uint32_t stream, uint32_t draw, uint32_t threshold,
                            uint16_t* mask) {
  uint32_t kept[4] = {};
  for (uint32_t lane = 0; lane < 16; ++lane) {
    uint32_t c0 = first + lane, c1 = row, c2 = stream, c3 = draw;
    auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = static_cast<uint64_t>(kPhiloxMultipliers[0]) * c0, p1 = static_cast<uint64_t>(kPhiloxMultipliers[1]) * c2;
      c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
      c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c1 = static_cast<uint32_t>(p1);
      c3 = static_cast<uint32_t>(p0);
      k0 += kPhiloxWeyl[0];
      k1 += kPhiloxWeyl[1];
    }
    const uint32_t word[4] = {c0, c1, c2, c3};
    for (int w = 0; w < 4; ++w) {
      kept[w] |= static_cast<uint32_t>((word[w] & 0xFFFF) >= threshold) << (2 * lane);
      kept[w] |= static_cast<uint32_t>((word[w] >> 16) >= threshold) << (2 * lane + 1);
    }
  }
  __builtin_memcpy(mask, kept, sizeof kept);
}
#endif

// The mask of one row: mask_words(cols) words, valid for every column below cols.
AYAR_INLINE void mask_row(const Dropout& dropout, int64_t row, int64_t cols, uint16_t* mask) {
  for (int64_t g = 0; g * kMaskGroup < cols; ++g) {
    mask_group(dropout.key, static_cast<uint32_t>(16 * g), static_cast<uint32_t>(row), dropout.stream, dropout.draw, dropout.threshold,
               mask + g * kMaskGroup / 16);
  }
}

AYAR_INLINE bool is_kept(const uint16_t* mask, int64_t c) {
  return (mask[c / 16] >> (c % 16) & 1) != 0;
}

// to = x where it is kept, else 0.
AYAR_INLINE void copy_kept(const float* x, const uint16_t* mask, int64_t cols, float* to) {
  int64_t c = 0;
#if defined(__AVX512F__)
  for (; c + 16 <= cols; c += 16) _mm512_storeu_ps(to + c, _mm512_maskz_loadu_ps(mask[c / 16], x + c));
#endif
  for (; c < cols; ++c) to[c] = is_kept(mask, c) ? x[c] : 0.0f;
}
AYAR_INLINE void copy_kept(const bfloat16* x, const uint16_t* mask, int64_t cols, bfloat16* to) {
  int64_t c = 0;
#if defined(__AVX512F__)
  for (; c + 16 <= cols; c += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + c), _mm256_maskz_loadu_epi16(mask[c / 16], x + c));
  }
#endif
  for (; c < cols; ++c) to[c] = is_kept(mask, c) ? x[c] : bfloat16{0};
}

// sums += x where it is kept. cols: a multiple of 16.
AYAR_INLINE void add_kept(const float* x, const uint16_t* mask, int64_t cols, float* sums) {
  for (int64_t c = 0; c < cols; c += 16) {
#if defined(__AVX512F__)
    const __m512 old = _mm512_loadu_ps(sums + c);
    _mm512_storeu_ps(sums + c, _mm512_mask_add_ps(old, mask[c / 16], old, _mm512_loadu_ps(x + c)));
#else
    for (int64_t i = c; i < c + 16; ++i) sums[i] += is_kept(mask, i) ? x[i] : 0.0f;
#endif
  }
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
