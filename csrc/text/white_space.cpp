#include "text/white_space.hpp"

#include <cstdint>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

constexpr bool is_plain_white(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

// Of the 16 bytes at p, where a gap may stand that is not a single plain one: white space before white space, a control character, the lead
// of a character that may be a space (C2, E1, E2, E3). Reads 17 bytes.
#if defined(__SSE2__)
AYAR_INLINE uint32_t suspects(const char* p) {
  const auto white = [](__m128i bytes) {
    const __m128i blank = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')));
    return _mm_or_si128(blank, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
  };
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i is_white = white(bytes), is_followed = white(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 1)));
  const __m128i is_control = _mm_andnot_si128(is_white, _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes));
  const auto is = [bytes](int lead) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(static_cast<char>(lead))); };
  const __m128i is_lead = _mm_or_si128(_mm_or_si128(is(0xC2), is(0xE1)), _mm_or_si128(is(0xE2), is(0xE3)));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(_mm_and_si128(is_white, is_followed), _mm_or_si128(is_control, is_lead))));
}
#endif

// The first gap at or behind p that is not a single space, tab or line end between two words; p stands behind a gap or at the beginning.
const char* next_gap(const char* p, const char* end) {
  const char* const from = p;
  while (p < end) {
#if defined(__SSE2__)
    if (end - p > 16) {
      const uint32_t mask = suspects(p);
      if (mask == 0) {
        p += 16;
        continue;
      }
      p += __builtin_ctz(mask);
    }
#endif
    const auto byte = static_cast<uint8_t>(*p);
    if (is_plain_white(*p)) {
      if (p + 1 == end || is_plain_white(p[1])) return p;
      ++p;
      continue;
    }
    const utf8::Decoded next = byte >= 0x80 || byte < 0x20 ? utf8::decode(p, end) : utf8::Decoded{byte, 1, true};
    if ((code_point_byte(next.code) & kIsSpace) != 0) return p > from && is_plain_white(p[-1]) ? p - 1 : p;
    p += next.length;
  }
  return end;
}

bool is_line_end(char32_t code) {
  return (code >= 0x0A && code <= 0x0D) || code == 0x85 || code == 0x2028 || code == 0x2029;
}

}  // namespace

bool tidy_white_space(std::string_view text, std::string& out, Tally& tally) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  Rewrite rewrite(text, out, tally);
  for (const char* p = !text.empty() && is_plain_white(text[0]) ? begin : next_gap(begin, end); p < end; p = next_gap(p, end)) {
    const char* const gap = p;
    int line_ends = 0;
    char blank = 0;
    while (p < end) {
      const utf8::Decoded next = utf8::decode(p, end);
      if (next.code != ' ' && next.code != '\t' && next.code != '\n' && (code_point_byte(next.code) & kIsSpace) == 0) break;
      p += next.length;
      if (is_line_end(next.code)) {
        if (next.code == '\r' && p < end && *p == '\n') ++p;
        ++line_ends;
      } else if (blank == 0 || next.code == '\t') {
        blank = next.code == '\t' ? '\t' : ' ';
      }
    }
    std::string_view tidy;
    if (gap != begin && p != end) tidy = line_ends > 1 ? "\n\n" : line_ends == 1 ? "\n" : blank == '\t' ? "\t" : " ";
    rewrite.replace(gap - begin, p - begin, tidy);
  }
  return rewrite.finish();
}

}  // namespace ayar
