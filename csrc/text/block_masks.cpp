#include "text/block_masks.hpp"

#include <cstdlib>
#include <string_view>

#include "core/cpu_features.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
// The rest of this library is compiled for the plainest processor; only these functions hold other instructions.
#define AYAR_AVX512 __attribute__((target("avx512f,avx512bw")))
#define AYAR_AVX2 __attribute__((target("avx2")))
#endif

namespace ayar::text {
namespace {

enum Kind : uint8_t { kNothing, kUpper, kLower, kDigit, kSpace, kNewline, kBlank, kControl, kApostrophe, kSlash, kHigh, kKinds };

struct Kinds {
  uint8_t of[256] = {};
  constexpr Kinds() {
    for (int c = 0; c < ' '; ++c) of[c] = c >= '\t' && c <= '\r' ? kBlank : kControl;
    for (int c = 'A'; c <= 'Z'; ++c) of[c] = kUpper;
    for (int c = 'a'; c <= 'z'; ++c) of[c] = kLower;
    for (int c = '0'; c <= '9'; ++c) of[c] = kDigit;
    for (int c = 128; c < 256; ++c) of[c] = kHigh;
    of[0x7F] = kControl;
    of[' '] = kSpace;
    of['\n'] = of['\r'] = kNewline;
    of['\''] = kApostrophe;
    of['/'] = kSlash;
  }
};
constexpr Kinds kKindOf;

#if defined(__x86_64__)

AYAR_AVX512 inline uint64_t equals(__m512i bytes, char c) {
  return _cvtmask64_u64(_mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(c)));
}

AYAR_AVX512 inline uint64_t between(__m512i bytes, char first, char last) {  // unsigned: one subtraction, one comparison
  const __m512i distance = _mm512_sub_epi8(bytes, _mm512_set1_epi8(first));
  return _cvtmask64_u64(_mm512_cmple_epu8_mask(distance, _mm512_set1_epi8(static_cast<char>(last - first))));
}

struct Halves {
  __m256i low, high;
};

AYAR_AVX2 inline uint64_t bits(__m256i low, __m256i high) {
  return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(high))} << 32 | static_cast<uint32_t>(_mm256_movemask_epi8(low));
}

AYAR_AVX2 inline uint64_t equals(const Halves& bytes, char c) {
  const __m256i wanted = _mm256_set1_epi8(c);
  return bits(_mm256_cmpeq_epi8(bytes.low, wanted), _mm256_cmpeq_epi8(bytes.high, wanted));
}

AYAR_AVX2 inline uint64_t between(const Halves& bytes, char first, char last) {  // signed: what is not ASCII is below all of it
  const __m256i below = _mm256_set1_epi8(static_cast<char>(first - 1)), above = _mm256_set1_epi8(static_cast<char>(last + 1));
  return bits(_mm256_and_si256(_mm256_cmpgt_epi8(bytes.low, below), _mm256_cmpgt_epi8(above, bytes.low)),
              _mm256_and_si256(_mm256_cmpgt_epi8(bytes.high, below), _mm256_cmpgt_epi8(above, bytes.high)));
}

#endif

}  // namespace

void ascii_masks_portable(const uint8_t* block, AsciiMasks& masks) {
  uint64_t found[kKinds] = {};
  for (int i = 0; i < 64; ++i) found[kKindOf.of[block[i]]] |= uint64_t{1} << i;
  masks = {found[kUpper], found[kLower],   found[kDigit],      found[kSpace], found[kNewline],
           found[kBlank], found[kControl], found[kApostrophe], found[kSlash], found[kHigh]};
}

#if defined(__x86_64__)

AYAR_AVX512 void ascii_masks_avx512(const uint8_t* block, AsciiMasks& masks) {
  const __m512i bytes = _mm512_loadu_si512(block);
  const uint64_t blanks = between(bytes, '\t', '\r');
  masks.upper = between(bytes, 'A', 'Z');
  masks.lower = between(bytes, 'a', 'z');
  masks.digit = between(bytes, '0', '9');
  masks.space = equals(bytes, ' ');
  masks.newline = equals(bytes, '\n') | equals(bytes, '\r');
  masks.blank = blanks & ~masks.newline;
  masks.control = (between(bytes, 0, 0x1F) & ~blanks) | equals(bytes, 0x7F);
  masks.apostrophe = equals(bytes, '\'');
  masks.slash = equals(bytes, '/');
  masks.high = _cvtmask64_u64(_mm512_movepi8_mask(bytes));
}

AYAR_AVX2 void ascii_masks_avx2(const uint8_t* block, AsciiMasks& masks) {
  const Halves bytes{_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block)),
                     _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32))};
  const uint64_t blanks = between(bytes, '\t', '\r');
  masks.upper = between(bytes, 'A', 'Z');
  masks.lower = between(bytes, 'a', 'z');
  masks.digit = between(bytes, '0', '9');
  masks.space = equals(bytes, ' ');
  masks.newline = equals(bytes, '\n') | equals(bytes, '\r');
  masks.blank = blanks & ~masks.newline;
  masks.control = (between(bytes, 0, 0x1F) & ~blanks) | equals(bytes, 0x7F);
  masks.apostrophe = equals(bytes, '\'');
  masks.slash = equals(bytes, '/');
  masks.high = bits(bytes.low, bytes.high);
}

#endif

std::vector<AsciiMasksOf> supported_ascii_masks() {
  std::vector<AsciiMasksOf> supported;
#if defined(__x86_64__)
  if (isa_supported(Isa::avx512)) supported.push_back(&ascii_masks_avx512);
  if (isa_supported(Isa::avx2)) supported.push_back(&ascii_masks_avx2);
#endif
  supported.push_back(&ascii_masks_portable);
  return supported;
}

AsciiMasksOf best_ascii_masks() {
  static const AsciiMasksOf best = [] {
    const char* const wanted = std::getenv("AYAR_ISA");
    const std::string_view isa = wanted != nullptr ? wanted : "";
    if (isa == "portable") return &ascii_masks_portable;
#if defined(__x86_64__)
    if (isa == "avx2" && isa_supported(Isa::avx2)) return &ascii_masks_avx2;
#endif
    return supported_ascii_masks().front();
  }();
  return best;
}

}  // namespace ayar::text
