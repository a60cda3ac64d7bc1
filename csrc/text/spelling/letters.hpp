// Words as small codes: one byte for each letter of English and Turkish, in lower case.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/macros.hpp"

namespace ayar {

enum class SpellingLanguage : uint8_t { english, turkish };

constexpr int kMaxLetters = 32;  // longer words are nobody's typing errors

// Codes of letters: their places in this list. 0 is no letter.
constexpr std::array<char32_t, 36> kLetters{0,    'a', 'b', 'c',  U'ç', 'd', 'e', 'f',  'g', U'ğ', 'h',  U'ı',
                                            'i',  'j', 'k', 'l',  'm',  'n', 'o', U'ö', 'p', 'q',  'r',  's',
                                            U'ş', 't', 'u', U'ü', 'v',  'w', 'x', 'y',  'z', U'â', U'î', U'û'};
constexpr int kLetterCodes = static_cast<int>(kLetters.size());

constexpr uint8_t letter_code(char32_t letter) {
  for (int code = 1; code < kLetterCodes; ++code)
    if (kLetters[static_cast<size_t>(code)] == letter) return static_cast<uint8_t>(code);
  return 0;
}

// The letter without its mark: ç → c, ı → i, â → a.
uint8_t bare_letter(uint8_t code);
bool is_marked(uint8_t code);  // ç ğ ı ö ş ü â î û
bool is_vowel(uint8_t code);

struct Word {
  std::array<uint8_t, kMaxLetters> codes{};
  int size = 0;

  void push(uint8_t code) { codes[static_cast<size_t>(size++)] = code; }  // requires size < kMaxLetters
  uint8_t operator[](int place) const { return codes[static_cast<size_t>(place)]; }
  uint8_t& operator[](int place) { return codes[static_cast<size_t>(place)]; }
  uint8_t last() const { return size > 0 ? codes[static_cast<size_t>(size - 1)] : 0; }
  Word first(int count) const;
  bool operator==(const Word& other) const;
};

uint64_t hash_word(const Word& word);
Word bare_word(const Word& word);

enum class Shape : uint8_t { lower, title, upper, mixed };

// Reads letters in the casing of a language (Turkish: I is the capital of ı, İ of i). False where there is another letter or mark, or
// the word is empty or too long. A single capital is a title.
bool read_word(std::string_view text, SpellingLanguage language, Word& word, Shape& shape);

// Writes the word in UTF-8, its letters in the shape's case.
void append_word(const Word& word, SpellingLanguage language, Shape shape, std::string& out);

}  // namespace ayar
