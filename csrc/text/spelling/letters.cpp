#include "text/spelling/letters.hpp"

#include <cstring>

#include "text/minhash/mixing.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

constexpr uint8_t kCodeOfI = letter_code('i'), kCodeOfDotlessI = letter_code(U'ı');

constexpr std::array<uint8_t, 384> make_codes(bool of_capitals) {
  std::array<uint8_t, 384> codes{};
  for (int code = 1; code < kLetterCodes; ++code) {
    const char32_t letter = kLetters[static_cast<size_t>(code)];
    const char32_t capital = letter < 0x80 || (letter >= 0xE0 && letter < 0xFF) ? letter - 32 : letter - 1;
    if (letter != U'ı') codes[of_capitals ? capital : letter] = static_cast<uint8_t>(code);
  }
  if (!of_capitals) codes[U'ı'] = kCodeOfDotlessI;
  return codes;
}
constexpr auto kSmall = make_codes(false), kCapital = make_codes(true);

constexpr std::array<uint8_t, kLetterCodes> make_bare() {
  std::array<uint8_t, kLetterCodes> bare{};
  for (int code = 0; code < kLetterCodes; ++code) bare[static_cast<size_t>(code)] = static_cast<uint8_t>(code);
  constexpr char32_t pairs[][2] = {{U'ç', 'c'}, {U'ğ', 'g'}, {U'ı', 'i'}, {U'ö', 'o'}, {U'ş', 's'},
                                   {U'ü', 'u'}, {U'â', 'a'}, {U'î', 'i'}, {U'û', 'u'}};
  for (const auto& pair : pairs) bare[letter_code(pair[0])] = letter_code(pair[1]);
  return bare;
}
constexpr auto kBare = make_bare();

char32_t capital_of(uint8_t code, SpellingLanguage language) {
  const char32_t letter = kLetters[code];
  if (letter == 'i') return language == SpellingLanguage::turkish ? U'İ' : 'I';
  if (letter == U'ı') return 'I';
  return letter < 0x80 || (letter >= 0xE0 && letter < 0xFF) ? letter - 32 : letter - 1;
}

}  // namespace

uint8_t bare_letter(uint8_t code) {
  return kBare[code];
}

bool is_marked(uint8_t code) {
  return kBare[code] != code;
}

bool is_vowel(uint8_t code) {
  const char32_t letter = kLetters[kBare[code]];
  return letter == 'a' || letter == 'e' || letter == 'i' || letter == 'o' || letter == 'u';
}

Word Word::first(int count) const {
  Word start;
  std::memcpy(start.codes.data(), codes.data(), static_cast<size_t>(count));
  start.size = count;
  return start;
}

bool Word::operator==(const Word& other) const {
  return size == other.size && std::memcmp(codes.data(), other.codes.data(), static_cast<size_t>(size)) == 0;
}

uint64_t hash_word(const Word& word) {
  uint64_t hash = static_cast<uint64_t>(word.size);  // letters behind the end are 0
  for (int place = 0; place < word.size; place += 8) {
    uint64_t eight;
    std::memcpy(&eight, word.codes.data() + place, 8);
    if (word.size - place < 8) eight &= (uint64_t{1} << 8 * (word.size - place)) - 1;
    hash = mix64(hash ^ eight);
  }
  return hash;
}

Word bare_word(const Word& word) {
  Word bare = word;
  for (int place = 0; place < word.size; ++place) bare[place] = kBare[word[place]];
  return bare;
}

bool read_word(std::string_view text, SpellingLanguage language, Word& word, Shape& shape) {
  word.size = 0;
  int capitals = 0;
  bool starts_with_capital = false;
  for (const char *p = text.data(), *end = p + text.size(); p < end;) {
    const utf8::Decoded next = utf8::decode(p, end);
    p += next.length;
    if (!next.valid || next.code >= kSmall.size() || word.size == kMaxLetters) return false;
    uint8_t code = kSmall[next.code];
    if (code == 0) {
      code = kCapital[next.code];
      if (next.code == U'İ') code = language == SpellingLanguage::turkish ? kCodeOfI : 0;
      if (next.code == 'I' && language == SpellingLanguage::turkish) code = kCodeOfDotlessI;
      ++capitals;
      starts_with_capital |= word.size == 0;
    }
    if (code == 0) return false;
    word.push(code);
  }
  shape = capitals == 0                                  ? Shape::lower
          : capitals == 1 && starts_with_capital         ? Shape::title
          : capitals == word.size && starts_with_capital ? Shape::upper
                                                         : Shape::mixed;
  return word.size > 0;
}

void append_word(const Word& word, SpellingLanguage language, Shape shape, std::string& out) {
  for (int place = 0; place < word.size; ++place) {
    const bool capital = shape == Shape::upper || (shape == Shape::title && place == 0);
    utf8::append(out, capital ? capital_of(word[place], language) : kLetters[word[place]]);
  }
}

}  // namespace ayar
