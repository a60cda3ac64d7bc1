// Ill-formed UTF-8 in 32 bytes at a time, for the files that scan text with AVX2: the three-table lookup of Keiser and Lemire (Validating
// UTF-8 in less than one instruction per byte, 2021).
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "core/macros.hpp"

#define AYAR_AVX2 __attribute__((target("avx2")))

namespace ayar::text {

// What can be wrong with a pair of bytes. A pair is wrong where all three tables agree on a bit.
enum Wrong : uint8_t {
  kTooShort = 1,       // a lead, then no continuation
  kTooLong = 2,        // ASCII, then a continuation
  kOverlong3 = 4,      // E0 80..9F
  kTooLarge = 8,       // F4 90..BF, F5 and above
  kSurrogate = 16,     // ED A0..BF
  kOverlong2 = 32,     // C0, C1
  kTooLarge1000 = 64,  // F5 and above, then 80..8F
  kOverlong4 = 64,     // F0 80..8F
  kTwoContinuations = 128,
};
constexpr uint8_t kCarry = kTooShort | kTooLong | kTwoContinuations;

struct Utf8Tables {
  uint8_t first_high[16], first_low[16], second_high[16];
  constexpr Utf8Tables() : first_high{}, first_low{}, second_high{} {
    for (int i = 0; i < 16; ++i) {
      first_high[i] = i < 8 ? kTooLong : i < 12 ? kTwoContinuations : kTooShort;
      first_low[i] = kCarry | (i >= 4 ? kTooLarge : 0) | (i >= 5 ? kTooLarge1000 : 0);
      second_high[i] = i < 8 || i >= 12 ? kTooShort : kTooLong | kOverlong2 | kTwoContinuations;
    }
    first_high[12] |= kOverlong2;
    first_high[14] |= kOverlong3 | kSurrogate;
    first_high[15] |= kTooLarge | kTooLarge1000 | kOverlong4;
    first_low[0] |= kOverlong3 | kOverlong2 | kOverlong4;
    first_low[1] |= kOverlong2;
    first_low[13] |= kSurrogate;
    second_high[8] |= kOverlong3 | kTooLarge1000 | kOverlong4;
    second_high[9] |= kOverlong3 | kTooLarge;
    second_high[10] |= kSurrogate | kTooLarge;
    second_high[11] |= kSurrogate | kTooLarge;
  }
};
constexpr Utf8Tables kUtf8Tables;

AYAR_AVX2 AYAR_INLINE __m256i table(const uint8_t* entries) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(entries)));
}

AYAR_AVX2 AYAR_INLINE __m256i high_nibbles(__m256i bytes) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
}

// Not zero where a pair that ends in `now` is wrong, or a continuation is missing or too many behind three- and four-byte leads.
AYAR_AVX2 AYAR_INLINE __m256i wrong_in(__m256i before, __m256i now) {
  const __m256i joint = _mm256_permute2x128_si256(before, now, 0x21);
  const __m256i one = _mm256_alignr_epi8(now, joint, 15), two = _mm256_alignr_epi8(now, joint, 14),
                three = _mm256_alignr_epi8(now, joint, 13);
  const __m256i pairs =
      _mm256_and_si256(_mm256_and_si256(_mm256_shuffle_epi8(table(kUtf8Tables.first_high), high_nibbles(one)),
                                        _mm256_shuffle_epi8(table(kUtf8Tables.first_low), _mm256_and_si256(one, _mm256_set1_epi8(15)))),
                       _mm256_shuffle_epi8(table(kUtf8Tables.second_high), high_nibbles(now)));
  const __m256i third = _mm256_subs_epu8(two, _mm256_set1_epi8(0x60)), fourth = _mm256_subs_epu8(three, _mm256_set1_epi8(0x70));
  const __m256i must_continue = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(static_cast<char>(0x80)));
  return _mm256_xor_si256(must_continue, pairs);
}

}  // namespace ayar::text
#endif
