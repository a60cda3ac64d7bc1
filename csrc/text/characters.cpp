#include "text/characters.hpp"

#include <cstdint>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

constexpr char32_t kZwnj = 0x200C, kZwj = 0x200D;

bool script_needs_joiners(char32_t code) {
  const Script script = script_of(code);
  return script == Script::arabic || script == Script::indic || script == Script::southeast_asian;
}

// Whether the joiner between `before` (the last character kept, 0 for none) and `after` says something.
bool joiner_is_needed(char32_t joiner, char32_t before, char32_t after) {
  if (joiner != kZwj && joiner != kZwnj) return script_of(before) == Script::east_asian;  // a variation selector
  if (joiner == kZwj && is_emoji(before) && is_emoji(after)) return true;
  return script_needs_joiners(before);
}

// The length of a terminal's control sequence (ECMA-48: ESC [ parameters final) at p, or 0.
size_t control_sequence(const char* p, const char* end) {
  if (end - p < 3 || p[0] != '\x1B' || p[1] != '[') return 0;
  const char* q = p + 2;
  while (q < end && *q >= 0x20 && *q <= 0x3F && q - p < 32) ++q;
  return q < end && *q >= 0x40 && *q <= 0x7E ? static_cast<size_t>(q + 1 - p) : 0;
}

// The first character at or behind p that may be invisible: a control character, or one from U+0080 to U+00BF or from U+0300 on.
const char* skip_visible(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto is = [bytes](int byte) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(static_cast<char>(byte))); };
    const __m128i control = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes), is(0x7F));
    const __m128i lead = _mm_or_si128(_mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(static_cast<char>(0xCC))), bytes), is(0xC2));
    if (const int mask = _mm_movemask_epi8(_mm_or_si128(control, lead)); mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  for (; p < end; ++p) {
    const auto byte = static_cast<uint8_t>(*p);
    if (byte < 0x20 || byte == 0x7F || byte == 0xC2 || byte >= 0xCC) break;
  }
  return p;
}

}  // namespace

bool repair_utf8(std::string_view text, std::string& out, Tally& tally) {
  const char* const end = text.data() + text.size();
  const char* bad = utf8::find_ill_formed(text.data(), end);
  if (bad == end) return false;
  Rewrite rewrite(text, out, tally);
  while (bad != end) {
    const char* const behind = bad + utf8::decode(bad, end).length;
    rewrite.replace(bad - text.data(), behind - text.data(), "\xEF\xBF\xBD");
    bad = utf8::find_ill_formed(behind, end);
  }
  return rewrite.finish();
}

bool drop_invisible(std::string_view text, std::string& out, Tally& tally) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  Rewrite rewrite(text, out, tally);
  const char *gone_begin = begin, *gone_end = begin;  // what was dropped last, without a gap
  for (const char* p = skip_visible(begin, end); p < end; p = skip_visible(p, end)) {
    const utf8::Decoded next = utf8::decode(p, end);
    const uint8_t flags = code_point_byte(next.code);
    size_t dropped = 0;
    if (flags & kIsInvisible) {
      const size_t sequence = control_sequence(p, end);
      dropped = sequence != 0 ? sequence : next.length;
    } else if (flags & kIsJoiner) {
      const char* const kept_end = p == gone_end ? gone_begin : p;
      const char* const after = p + next.length;
      const char32_t before = kept_end > begin ? utf8::decode_before(begin, kept_end).code : 0;
      if (!joiner_is_needed(next.code, before, after < end ? utf8::decode(after, end).code : 0)) dropped = next.length;
    }
    if (dropped == 0) {
      p += next.length;
      continue;
    }
    rewrite.replace(p - begin, p + dropped - begin, {});
    if (p != gone_end) gone_begin = p;
    p += dropped;
    gone_end = p;
  }
  return rewrite.finish();
}

bool straighten_quotes(std::string_view text, std::string& out, Tally& tally) {
  constexpr std::string_view kLead = "\xE2\x80";  // U+2018 to U+201F end in 98 to 9F
  Rewrite rewrite(text, out, tally);
  for (size_t at = text.find(kLead); at != std::string_view::npos; at = text.find(kLead, at + 2)) {
    const auto last = static_cast<uint8_t>(text[at + 2]);
    if (last >= 0x98 && last <= 0x9F) rewrite.replace(at, at + 3, last < 0x9C ? "'" : "\"");
  }
  return rewrite.finish();
}

bool is_fancy_dash(char32_t code) {
  return (code >= 0x2010 && code <= 0x2015) || code == 0x2026 || code == 0x2043 || code == 0x2212 || code == 0xFE58 || code == 0xFE63;
}

bool plain_dashes(std::string_view text, std::string& out, Tally& tally) {
  const char* const end = text.data() + text.size();
  Rewrite rewrite(text, out, tally);
  for (const char* p = text.data(); (p = utf8::skip_ascii(p, end)) < end;) {
    const utf8::Decoded next = utf8::decode(p, end);
    if (is_fancy_dash(next.code)) {
      rewrite.replace(p - text.data(), p + next.length - text.data(), next.code == 0x2026 ? "..." : "-");
    }
    p += next.length;
  }
  return rewrite.finish();
}

}  // namespace ayar
