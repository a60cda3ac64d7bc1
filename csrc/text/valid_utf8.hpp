// Walking UTF-8 that is known to be well-formed. Anything else is repaired before it gets here.
#pragma once

#include <cstdint>

namespace ayar::text {

inline int char_bytes(uint8_t lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

inline bool is_continuation(uint8_t byte) {
  return (byte & 0xC0) == 0x80;
}

struct Character {
  uint32_t code_point;
  int bytes;
};

inline Character char_at(const uint8_t* p) {
  const uint32_t a = p[0];
  if (a < 0x80) return {a, 1};
  if (a < 0xE0) return {(a & 31) << 6 | (p[1] & 63u), 2};
  if (a < 0xF0) return {(a & 15) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u), 3};
  return {(a & 7) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u), 4};
}

inline const uint8_t* char_before(const uint8_t* p) {
  do --p;
  while (is_continuation(*p));
  return p;
}

}  // namespace ayar::text
