// Groups of digits and what stands between them: the raw material of telephone, card and identity numbers, however they are spaced.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ayar {

// What separates a group from the one before it. `far`: anything that no number holds.
enum class Gap : uint8_t { far, space, dash, dot, slash, parenthesis };

struct DigitGroup {
  size_t begin, end;
  Gap gap;
  size_t size() const { return end - begin; }
};

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// The length of a space (U+0020, no-break, figure, thin, narrow) or dash (hyphen-minus, U+2010 to U+2014, U+2212) that starts at p, or 0.
size_t space_length(std::string_view text, size_t at);
size_t dash_length(std::string_view text, size_t at);

// Whether a letter or a digit (of any script) stands directly before or behind a position.
bool touches_word_before(std::string_view text, size_t at);
bool touches_word_after(std::string_view text, size_t at);

// Classifies the bytes [begin, end) between two groups.
Gap gap_between(std::string_view text, size_t begin, size_t end);

}  // namespace ayar
