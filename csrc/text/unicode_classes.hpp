// The classes of characters that pre-tokenizers cut by, as the `tokenizers` wheel sees them (generate_unicode_classes.py).
#pragma once

#include <cstdint>

namespace ayar::text {

#include "text/unicode_classes.inc"

enum CharClass : uint8_t { kOther = 0, kLetter = 1, kNumber = 2, kWhite = 3 };
inline constexpr uint8_t kClassMask = 3;
inline constexpr uint8_t kNumeric = 4;  // Rust's char::is_numeric: what Digits cuts by, wider than kNumber
inline constexpr uint8_t kWord = 8;     // the regex crate's \w: what single_word looks at
inline constexpr uint8_t kUpper = 16;   // Lu and Lt; a letter that is neither upper nor lower is Lm or Lo
inline constexpr uint8_t kLower = 32;   // Ll
inline constexpr uint8_t kMark = 64;    // M
inline constexpr uint8_t kPunct = 128;  // P and S

// Class in the low bits, flags above.
inline uint8_t char_traits(uint32_t code_point) {
  return kClassOf[kClassBlock[code_point >> 8]][code_point & 255];
}

}  // namespace ayar::text
