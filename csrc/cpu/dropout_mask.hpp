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

// The keys of the ten rounds, the same for every counter.
struct PhiloxKeys {
  alignas(64) uint32_t low[10][16], high[10][16];

  explicit PhiloxKeys(uint64_t key) {
    auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += kPhiloxWeyl[0], k1 += kPhiloxWeyl[1]) {
      for (int lane = 0; lane < 16; ++lane) low[round][lane] = k0, high[round][lane] = k1;
    }
  }
};

#if defined(__AVX512F__)
// Eight counters, a word in the low half of each 64-bit lane; the high half is left over from products, which do not read it.
struct PhiloxLanes {
  __m512i c0, c1, c2, c3;

  AYAR_INLINE void round(const PhiloxKeys& keys, int round, __m512i m0, __m512i m1) {
    const __m512i p0 = _mm512_mul_epu32(c0, m0), p1 = _mm512_mul_epu32(c2, m1);
    c0 = _mm512_ternarylogic_epi32(_mm512_srli_epi64(p1, 32), c1, _mm512_load_si512(keys.low[round]), 0x96);  // exclusive or of three
    c2 = _mm512_ternarylogic_epi32(_mm512_srli_epi64(p0, 32), c3, _mm512_load_si512(keys.high[round]), 0x96);
    c1 = p1;
    c3 = p0;
  }
};

// The words of two groups of eight, in the order of their counters: even ones from the first.
AYAR_INLINE __m512i in_order(__m512i even, __m512i odd) {
  return _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
}

AYAR_INLINE void mask_group(const PhiloxKeys& keys, uint32_t first, uint32_t row, uint32_t stream, uint32_t draw, uint32_t threshold,
                            uint16_t* mask) {
  const __m512i evens = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), ones = _mm512_set1_epi64(1);
  const __m512i m0 = _mm512_set1_epi64(kPhiloxMultipliers[0]), m1 = _mm512_set1_epi64(kPhiloxMultipliers[1]);
  const __m512i c0 = _mm512_add_epi64(_mm512_set1_epi64(first), evens);
  PhiloxLanes even{c0, _mm512_set1_epi64(row), _mm512_set1_epi64(stream), _mm512_set1_epi64(draw)};
  PhiloxLanes odd = even;
  odd.c0 = _mm512_add_epi64(c0, ones);
  for (int round = 0; round < 10; ++round) {
    even.round(keys, round, m0, m1);
    odd.round(keys, round, m0, m1);
  }
  const __m512i words[4] = {in_order(even.c0, odd.c0), in_order(even.c1, odd.c1), in_order(even.c2, odd.c2), in_order(even.c3, odd.c3)};
  const __m512i least = _mm512_set1_epi16(static_cast<int16_t>(threshold));
  for (int w = 0; w < 4; ++w) {
    const uint32_t kept = _mm512_cmpge_epu16_mask(words[w], least);
    __builtin_memcpy(mask + 2 * w, &kept, sizeof kept);
  }
}
#else
AYAR_INLINE void mask_group(const PhiloxKeys& keys, uint32_t first, uint32_t row, uint32_t stream, uint32_t draw, uint32_t threshold,
                            uint16_t* mask) {
  uint32_t kept[4] = {};
  for (uint32_t lane = 0; lane < 16; ++lane) {
    uint32_t c0 = first + lane, c1 = row, c2 = stream, c3 = draw;
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = static_cast<uint64_t>(kPhiloxMultipliers[0]) * c0, p1 = static_cast<uint64_t>(kPhiloxMultipliers[1]) * c2;
      c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ keys.low[round][0];
      c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ keys.high[round][0];
      c1 = static_cast<uint32_t>(p1);
      c3 = static_cast<uint32_t>(p0);
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

// The mask of one row: mask_words(cols) words, valid for every column below cols. keys: of dropout.key.
AYAR_INLINE void mask_row(const Dropout& dropout, const PhiloxKeys& keys, int64_t row, int64_t cols, uint16_t* mask) {
  for (int64_t g = 0; g * kMaskGroup < cols; ++g) {
    mask_group(keys, static_cast<uint32_t>(16 * g), static_cast<uint32_t>(row), dropout.stream, dropout.draw, dropout.threshold,
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
