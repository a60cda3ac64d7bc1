#include "text/clean_scan.hpp"

#include <cstdint>
#include <cstring>

#include "core/cpu_features.hpp"
#include "text/block_utf8_avx2.hpp"
#include "text/characters.hpp"
#include "text/code_pages.hpp"
#include "text/code_points.hpp"
#include "text/mojibake.hpp"
#include "text/turkish_page.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

// What a character says by itself.
CleanMask work_of(char32_t code) {
  const uint8_t flags = code_point_byte(code);
  CleanMask work = 0;
  if ((flags & (kIsInvisible | kIsJoiner)) != 0) work |= mask_of(kInvisible);
  if ((flags & kIsNfcSlow) != 0) work |= mask_of(kNfc);
  if ((flags & kIsSpace) != 0) work |= mask_of(kWhiteSpace);
  if ((flags & kIsQuote) != 0) work |= mask_of(kQuotes);
  if (is_fancy_dash(code)) work |= mask_of(kDashes);
  if (is_turkish_page_letter(code)) work |= mask_of(kTurkishPage);
  return work;
}

// What the character at `at` says, which is not ASCII; but for the pair that it may be with the one before it.
CleanMask work_at(std::string_view text, size_t at) {
  const char32_t code = utf8::decode(text.data() + at, text.data() + text.size()).code;
  CleanMask work = work_of(code);
  if (code < 0x100 && is_lone_mojibake(text, at, code)) work |= mask_of(kMojibake);
  if (code == utf8::kReplacement && at > 0 && static_cast<uint8_t>(text[at - 1]) >= 0x80) work |= mask_of(kMojibake);
  return work;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

bool has_untidy_edges(std::string_view text) {
  return !text.empty() && (is_space(text.front()) || is_space(text.back()));
}

#if defined(__x86_64__)

// Classes of bytes, one bit each: where the entries of both nibbles agree.
enum Class : uint8_t {
  kBlank = 1,
  kTab = 2,
  kLineEnd = 4,
  kLess = 8,
  kAmpersand = 16,
  kControl0 = 32,  // 00 to 0F, but for the two above
  kDelete = 64,
  kControl1 = 128,  // 10 to 1F
  kWhite = kBlank | kTab | kLineEnd,
  kControl = kControl0 | kDelete | kControl1,
};
// Of bytes from 80 up.
enum HighClass : uint8_t {
  kLeadC = 1,  // leads of characters that may say something: C0 to CF, and so on
  kLeadD = 2,
  kLeadE = 4,
  kLeadF = 8,
  kBehindC3 = 16,   // with C3 before them, letters of the Turkish pages
  kBehindC3A = 32,  // with C3 before it, Ã
  kLead = kLeadC | kLeadD | kLeadE | kLeadF,
};

struct ClassTables {
  uint8_t low[16] = {}, high[16] = {}, low_of_high[16] = {}, high_of_high[16] = {};
  CleanMask of_two_bytes[0x800] = {};  // of a character of two bytes; Ã needs its neighbours too

  ClassTables() {
    for (char32_t code = 0x80; code < 0x800; ++code) {
      const bool is_lone = code != 0xC3 && code < 0x100 && is_lone_mojibake({}, 0, code);
      of_two_bytes[code] = work_of(code) | (is_lone ? mask_of(kMojibake) : 0);
    }
    low[0x0] |= kBlank, high[0x2] |= kBlank;
    low[0x9] |= kTab, high[0x0] |= kTab;
    low[0xA] |= kLineEnd, high[0x0] |= kLineEnd;
    low[0xC] |= kLess, high[0x3] |= kLess;
    low[0x6] |= kAmpersand, high[0x2] |= kAmpersand;
    low[0xF] |= kDelete, high[0x7] |= kDelete;
    for (int i = 0; i < 16; ++i) low[i] |= kControl1 | (i == 0x9 || i == 0xA ? 0 : kControl0);
    high[0x0] |= kControl0, high[0x1] |= kControl1;

    for (int lead = 0xC0; lead < 0x100; ++lead) {
      if (lead != 0xC3 && says_something(static_cast<uint8_t>(lead))) low_of_high[lead & 15] |= 1 << ((lead >> 4) - 0xC);
    }
    for (int i = 0; i < 4; ++i) high_of_high[0xC + i] = static_cast<uint8_t>(1 << i);
    for (const uint8_t letter : {0x90, 0x9D, 0x9E, 0xB0, 0xBD, 0xBE}) low_of_high[letter & 15] |= kBehindC3;
    high_of_high[0x9] |= kBehindC3, high_of_high[0xB] |= kBehindC3;
    low_of_high[0x3] |= kBehindC3A, high_of_high[0x8] |= kBehindC3A;
  }

  // Whether any character with this lead does.
  static bool says_something(uint8_t lead) {
    if (lead < 0xC2 || lead >= 0xF0) return true;
    const int tail = lead < 0xE0 ? 1 : 2;
    const char32_t first = (lead & (0x3F >> tail)) << (6 * tail), count = 1u << (6 * tail);
    for (char32_t code = first; code < first + count; ++code) {
      if (code == utf8::kReplacement || work_of(code) != 0) return true;
    }
    return false;
  }
};

// 64 bytes as one bit each.
struct Bits {
  uint64_t low = 0;
  AYAR_AVX2 AYAR_INLINE static uint64_t of(__m256i a, __m256i b) {
    return static_cast<uint32_t>(_mm256_movemask_epi8(a)) | static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(b))) << 32;
  }
};

AYAR_AVX2 AYAR_INLINE __m256i not_zero(__m256i bytes) {
  return _mm256_xor_si256(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256()), _mm256_set1_epi8(-1));
}

// Whether each byte lies in [first, first + range].
AYAR_AVX2 AYAR_INLINE __m256i in_range(__m256i bytes, uint8_t first, uint8_t range) {
  const __m256i shifted = _mm256_sub_epi8(bytes, _mm256_set1_epi8(static_cast<char>(first)));
  return _mm256_cmpeq_epi8(_mm256_min_epu8(shifted, _mm256_set1_epi8(static_cast<char>(range))), shifted);
}

class Scan {
 public:
  explicit Scan(std::string_view text, const ClassTables& tables) : text_(text), tables_(tables) {}

  AYAR_AVX2 CleanMask run() {
    const size_t size = text_.size();
    __m256i seen = _mm256_setzero_si256(), wrong = seen, before = seen;
    uint64_t white_before = 0, line_ends_before = 0, short_before = 0, long_before = 0;
    bool was_ascii = true;
    for (size_t block = 0; block < size; block += 64) {
      const char* p = text_.data() + block;
      char padded[64];
      const size_t left = size - block;
      if (left < 64) {
        std::memset(padded, 'x', 64);
        std::memcpy(padded, p, left);
        p = padded;
      }
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
      const __m256i classes_a = classes(a, tables_.low, tables_.high), classes_b = classes(b, tables_.low, tables_.high);
      const __m256i seen_here = _mm256_or_si256(classes_a, classes_b), control_bits = _mm256_set1_epi8(static_cast<char>(kControl));
      seen = _mm256_or_si256(seen, seen_here);
      if (_mm256_testz_si256(seen_here, control_bits) == 0) {
        uint64_t controls =
            Bits::of(not_zero(_mm256_and_si256(classes_a, control_bits)), not_zero(_mm256_and_si256(classes_b, control_bits)));
        for (; controls != 0; controls &= controls - 1) work_ |= work_of(static_cast<uint8_t>(p[__builtin_ctzll(controls)]));
      }
      const __m256i white_bits = _mm256_set1_epi8(kWhite);
      const uint64_t white = Bits::of(not_zero(_mm256_and_si256(classes_a, white_bits)), not_zero(_mm256_and_si256(classes_b, white_bits)));
      const uint64_t line_ends = Bits::of(_mm256_slli_epi16(classes_a, 5), _mm256_slli_epi16(classes_b, 5));
      // A blank beside white space, or a third line end.
      const uint64_t white_1 = white << 1 | white_before >> 63, lines_1 = line_ends << 1 | line_ends_before >> 63;
      const uint64_t lines_2 = line_ends << 2 | line_ends_before >> 62;
      untidy_ |= (white & white_1 & ~(line_ends & lines_1)) | (line_ends & lines_1 & lines_2);
      white_before = white, line_ends_before = line_ends;

      const bool is_ascii = _mm256_movemask_epi8(_mm256_or_si256(a, b)) == 0;
      if (!is_ascii || !was_ascii) {
        wrong = _mm256_or_si256(wrong, _mm256_or_si256(text::wrong_in(before, a), text::wrong_in(a, b)));
        const __m256i high_a = classes(a, tables_.low_of_high, tables_.high_of_high);
        const __m256i high_b = classes(b, tables_.low_of_high, tables_.high_of_high);
        const __m256i lead_bits = _mm256_set1_epi8(kLead), c3_bits = _mm256_set1_epi8(kBehindC3 | kBehindC3A);
        uint64_t telling = Bits::of(not_zero(_mm256_and_si256(high_a, lead_bits)), not_zero(_mm256_and_si256(high_b, lead_bits)));
        const uint64_t behind_c3 = Bits::of(not_zero(_mm256_and_si256(high_a, c3_bits)), not_zero(_mm256_and_si256(high_b, c3_bits)));
        const __m256i c3 = _mm256_set1_epi8(static_cast<char>(0xC3));
        const uint64_t is_c3 = Bits::of(_mm256_cmpeq_epi8(a, c3), _mm256_cmpeq_epi8(b, c3));
        // The pages' characters lie below U+04A0 and from U+2000 to U+25FF.
        const __m256i e2 = _mm256_set1_epi8(static_cast<char>(0xE2));
        const uint64_t short_leads = Bits::of(in_range(a, 0xC2, 0x10), in_range(b, 0xC2, 0x10));
        const uint64_t long_leads = Bits::of(_mm256_cmpeq_epi8(a, e2), _mm256_cmpeq_epi8(b, e2));
        uint64_t pairs = (short_leads | long_leads) & (short_leads << 2 | short_before >> 62 | long_leads << 3 | long_before >> 61);
        short_before = short_leads, long_before = long_leads;
        telling |= (is_c3 & behind_c3 >> 1);
        if ((is_c3 >> 63) != 0) telling |= uint64_t{1} << 63;
        for (; telling != 0; telling &= telling - 1) look_at(block + static_cast<size_t>(__builtin_ctzll(telling)));
        if (!has(work_, kMojibake)) {
          for (; pairs != 0; pairs &= pairs - 1) look_at_pair(block + static_cast<size_t>(__builtin_ctzll(pairs)));
        }
      } else {
        short_before = long_before = 0;
      }
      was_ascii = is_ascii;
      before = b;
    }
    if (!was_ascii) wrong = _mm256_or_si256(wrong, text::wrong_in(before, _mm256_setzero_si256()));
    if (_mm256_testz_si256(wrong, wrong) == 0) return mask_of(kUtf8);
    finish(seen);
    return work_;
  }

 private:
  AYAR_AVX2 AYAR_INLINE static __m256i classes(__m256i bytes, const uint8_t* low, const uint8_t* high) {
    return _mm256_and_si256(_mm256_shuffle_epi8(text::table(low), _mm256_and_si256(bytes, _mm256_set1_epi8(15))),
                            _mm256_shuffle_epi8(text::table(high), text::high_nibbles(bytes)));
  }

  AYAR_AVX2 AYAR_INLINE void finish(__m256i seen) {
    const auto holds = [seen](uint8_t bits) __attribute__((target("avx2"))) {
      return _mm256_testz_si256(seen, _mm256_set1_epi8(static_cast<char>(bits))) == 0;
    };
    if (holds(kLess)) work_ |= mask_of(kTags);
    if (holds(kAmpersand)) work_ |= mask_of(kEntities);
    if (untidy_ != 0 || has_untidy_edges(text_)) work_ |= mask_of(kWhiteSpace);
  }

  AYAR_INLINE void look_at(size_t at) {
    const auto lead = static_cast<uint8_t>(text_[at]);
    const char32_t code = lead < 0xE0 && at + 1 < text_.size() ? (lead & 0x1F) << 6 | (text_[at + 1] & 0x3F) : 0xC3;
    work_ |= code == 0xC3 ? work_at(text_, at) : tables_.of_two_bytes[code];
  }

  void look_at_pair(size_t at) {
    const char* const begin = text_.data();
    const char32_t first = utf8::decode_before(begin, begin + at).code;
    if (starts_mojibake(first, utf8::decode(begin + at, begin + text_.size()).code)) work_ |= mask_of(kMojibake);
  }

  std::string_view text_;
  const ClassTables& tables_;
  uint64_t untidy_ = 0;
  CleanMask work_ = 0;
};

#endif

}  // namespace

CleanMask scan_for_work_portable(std::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  CleanMask work = has_untidy_edges(text) ? mask_of(kWhiteSpace) : 0;
  char32_t before = 0, before2 = 0;
  for (const char* p = begin; p < end;) {
    const utf8::Decoded next = utf8::decode(p, end);
    if (!next.valid) return mask_of(kUtf8);
    if (next.code == '<') work |= mask_of(kTags);
    if (next.code == '&') work |= mask_of(kEntities);
    if (next.code == ' ' || next.code == '\t' || next.code == '\n') {
      const bool is_behind_blank = before == ' ' || before == '\t', is_behind_line_end = before == '\n';
      const bool is_line_end = next.code == '\n';
      if (is_behind_blank || (is_behind_line_end && (!is_line_end || before2 == '\n'))) work |= mask_of(kWhiteSpace);
    } else if (next.code < 0x80) {
      work |= work_of(next.code);
    } else {
      work |= work_at(text, static_cast<size_t>(p - begin));
      if (starts_mojibake(before, next.code)) work |= mask_of(kMojibake);
    }
    before2 = before;
    before = next.code;
    p += next.length;
  }
  return work;
}

CleanMask scan_for_work(std::string_view text) {
#if defined(__x86_64__)
  static const bool has_avx2 = isa_supported(Isa::avx2);
  if (has_avx2) {
    static const ClassTables tables;
    return Scan(text, tables).run();
  }
#endif
  return scan_for_work_portable(text);
}

}  // namespace ayar
