// UTF-8, one code point at a time. Ill-formed bytes are told apart as WHATWG and Unicode (3.9, U+FFFD substitution of maximal subparts) do.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/macros.hpp"

namespace ayar::utf8 {

constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
  char32_t code;  // U+FFFD where the bytes are ill-formed
  int length;     // bytes read: at least 1; for ill-formed input those of its maximal subpart
  bool valid;
};

// Decodes the code point at p. Requires p < end; never reads at or past end.
AYAR_INLINE Decoded decode(const char* p, const char* end) {
  const auto byte = [p](int i) { return static_cast<uint8_t>(p[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xC2 || lead > 0xF4) return {kReplacement, 1, false};
  const int wanted = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range excludes overlong forms, surrogates, and code points above U+10FFFF.
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (end - p < 2 || byte(1) < low || byte(1) > high) return {kReplacement, 1, false};
  char32_t code = (lead & (0x7F >> wanted)) << 6 | (byte(1) & 0x3F);
  for (int i = 2; i < wanted; ++i) {
    if (end - p <= i || (byte(i) & 0xC0) != 0x80) return {kReplacement, i, false};
    code = code << 6 | (byte(i) & 0x3F);
  }
  return {code, wanted, true};
}

// Decodes the code point that ends at p. Requires begin < p and well-formed text.
AYAR_INLINE Decoded decode_before(const char* begin, const char* p) {
  const char* start = p - 1;
  while (start > begin && (static_cast<uint8_t>(*start) & 0xC0) == 0x80 && p - start < 4) --start;
  return decode(start, p);
}

AYAR_INLINE int encoded_length(char32_t code) {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

// Writes 1 to 4 bytes and returns how many. Requires a code point that is no surrogate.
AYAR_INLINE int encode(char32_t code, char* out) {
  const int length = encoded_length(code);
  if (length == 1) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  for (int i = length - 1; i > 0; --i, code >>= 6) out[i] = static_cast<char>(0x80 | (code & 0x3F));
  out[0] = static_cast<char>((0xF00 >> length) | code);
  return length;
}

AYAR_INLINE void append(std::string& out, char32_t code) {
  char bytes[4];
  out.append(bytes, encode(code, bytes));
}

// The first byte of 80 or more at or behind p, or end.
AYAR_INLINE const char* skip_ascii(const char* p, const char* end) {
  for (; end - p >= 8; p += 8) {
    uint64_t eight;
    std::memcpy(&eight, p, 8);
    if ((eight & 0x8080808080808080) != 0) break;
  }
  while (p < end && static_cast<uint8_t>(*p) < 0x80) ++p;
  return p;
}

// The first ill-formed byte, or end.
AYAR_INLINE const char* find_ill_formed(const char* p, const char* end) {
  while ((p = skip_ascii(p, end)) < end) {
    const Decoded next = decode(p, end);
    if (!next.valid) return p;
    p += next.length;
  }
  return end;
}

// Replaces each maximal ill-formed subpart by U+FFFD. Returns false where text is well-formed.
bool repair(std::string_view text, std::string& out);

}  // namespace ayar::utf8
