// What cleaning needs to know of a code point: one byte for each, from a two-stage table.
#pragma once

#include <cstdint>

namespace ayar {

// The low three bits of a code point's byte. `unassigned` holds private use and surrogates too.
enum class Kind : uint8_t { unassigned, other, upper, lower, letter, mark, digit };

// The upper bits.
enum CodePointFlag : uint8_t {
  kIsNfcSlow = 8,     // combining, or not its own NFC, or the second half of a composition
  kIsInvisible = 16,  // control, format and noncharacters that carry no text
  kIsSpace = 32,      // white space and line ends that have a plain ASCII form
  kIsQuote = 64,      // curly quotation marks
  kIsJoiner = 128,    // invisible, but some scripts and emoji need it: ZWNJ, ZWJ, variation selectors of ideographs
};

namespace code_point_tables {
extern const uint16_t kBlockOf[8704];
extern const uint8_t kBlocks[][128];
}  // namespace code_point_tables

inline uint8_t code_point_byte(char32_t code) {  // 0 above U+10FFFF
  return code <= 0x10FFFF ? code_point_tables::kBlocks[code_point_tables::kBlockOf[code >> 7]][code & 127] : 0;
}
inline Kind kind_of(char32_t code) {
  return static_cast<Kind>(code_point_byte(code) & 7);
}
inline bool is_letter(Kind kind) {
  return kind == Kind::upper || kind == Kind::lower || kind == Kind::letter;
}

// The writing system by block: enough to see that a word would mix two of them.
enum class Script : uint8_t {
  none,
  latin,
  greek,
  cyrillic,
  armenian,
  hebrew,
  arabic,
  indic,
  southeast_asian,
  georgian,
  hangul,
  east_asian
};
Script script_of(char32_t code);

bool is_emoji(char32_t code);  // pictographs, dingbats, their skin tones and presentation selectors

const char* unicode_version();  // of the tables: "15.1.0"

}  // namespace ayar
