#include "text/turkish_page.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

// Lower case of what the letter is in the Turkish page, or of the letter itself.
char32_t turkish_letter(char32_t c) {
  switch (c) {
    case 0xD0:
    case 0xF0: return 0x11F;  // ğ
    case 0xFD: return 0x131;  // ı
    case 'I': return 0x131;
    case 0xDD: return 'i';
    case 0xDE:
    case 0xFE: return 0x15F;  // ş
    case 0xC7: return 0xE7;
    case 0xD6: return 0xF6;
    case 0xDC: return 0xFC;
    case 0xC2: return 0xE2;
    case 0xCE: return 0xEE;
    case 0xDB: return 0xFB;
    default: return c >= 'A' && c <= 'Z' ? c + 32 : c;
  }
}

char32_t turkish_letter_as_cased(char32_t c) {
  switch (c) {
    case 0xD0: return 0x11E;
    case 0xDD: return 0x130;
    case 0xDE: return 0x15E;
    case 0xF0: return 0x11F;
    case 0xFD: return 0x131;
    default: return 0x15F;
  }
}

bool is_back_vowel(char32_t c) {
  return c == 'a' || c == 0x131 || c == 'o' || c == 'u' || c == 0xE2 || c == 0xFB;
}
bool is_front_vowel(char32_t c) {
  return c == 'e' || c == 'i' || c == 0xF6 || c == 0xFC || c == 0xEE;
}
bool is_vowel(char32_t c) {
  return is_back_vowel(c) || is_front_vowel(c);
}

bool is_of_turkish(char32_t c) {
  return c < 0x80 || is_vowel(c) || c == 0xE7 || c == 0x11F || c == 0x15F;
}

constexpr std::u32string_view kTurkishWords[] = {U"bir",    U"için", U"çok",  U"ile",   U"gibi", U"değil",
                                                 U"olarak", U"bu",   U"daha", U"kadar", U"ama"};
constexpr std::u32string_view kIcelandicWords[] = {U"ığ",    U"ağ",    U"meğ", U"viğ",  U"şağ",   U"şú",   U"eğa",
                                                   U"şetta", U"şegar", U"oğ",  U"og",   U"şeir",  U"sem",  U"hann",
                                                   U"ekki",  U"um",    U"til", U"hafa", U"heğur", U"blağ", U"mağur"};

// What the words of a line say for and against Turkish.
class Evidence {
 public:
  void word(const std::u32string& lower, uint32_t kinds, bool has_turkish_page_letter) {
    if (std::find(std::begin(kTurkishWords), std::end(kTurkishWords), lower) != std::end(kTurkishWords)) turkish_words_ = true;
    if (std::find(std::begin(kIcelandicWords), std::end(kIcelandicWords), lower) != std::end(kIcelandicWords)) is_foreign_ = true;
    for (const char32_t c : lower) {
      is_foreign_ = is_foreign_ || !is_of_turkish(c);
      has_cedilla_ = has_cedilla_ || c == 0xE7;
      has_umlaut_ = has_umlaut_ || c == 0xFC;
    }
    if (!has_turkish_page_letter) return;
    ++words_;
    kinds_ |= kinds;
    char32_t vowel = 0;
    for (size_t i = 0; i < lower.size(); ++i) {
      const char32_t before = i > 0 ? lower[i - 1] : 0, after = i + 1 < lower.size() ? lower[i + 1] : 0;
      if (lower[i] == 0x15F) points_ += i > 0 ? 2 : is_vowel(after) ? 1 : -3;  // no Turkish word begins with ş and a consonant
      if (lower[i] == 0x11F) points_ += is_vowel(before) ? 1 : -5;             // ğ follows a vowel
      if (lower[i] == 0x131) points_ += is_front_vowel(vowel) ? -3 : 1;        // ı follows a, ı, o, u
      if (is_vowel(lower[i])) {
        if (vowel == 0x131 && is_front_vowel(lower[i])) points_ -= 2;
        vowel = lower[i];
      }
    }
  }
  void dotted_capital() { ++points_; }
  void foreign() { is_foreign_ = true; }

  bool is_turkish() const {
    if (is_foreign_ || points_ < 2) return false;
    const int kinds = __builtin_popcount(kinds_);
    const int support = (has_cedilla_ ? 1 : 0) + (has_umlaut_ ? 1 : 0) + (turkish_words_ ? 2 : 0);
    if (support >= 2) return true;
    return kinds >= 2 && points_ + support >= 3 && words_ + support >= 3;  // two words alone may be Icelandic: Þýða þýðing
  }

 private:
  int points_ = 0, words_ = 0;
  uint32_t kinds_ = 0;
  bool is_foreign_ = false, turkish_words_ = false, has_cedilla_ = false, has_umlaut_ = false;
};

bool reads_as_turkish(std::string_view line) {
  const char* const end = line.data() + line.size();
  Evidence evidence;
  std::u32string lower;
  uint32_t kinds = 0;
  bool has_letter = false;
  for (const char* p = line.data(); p <= end;) {
    const utf8::Decoded next = p < end ? utf8::decode(p, end) : utf8::Decoded{0, 1, true};
    p += next.length;
    if (is_letter(kind_of(next.code))) {
      if (next.code == 0x11E || next.code == 0x11F || (next.code >= 0x130 && next.code <= 0x131) || next.code == 0x15E ||
          next.code == 0x15F) {
        return false;  // the page was read rightly
      }
      if (is_turkish_page_letter(next.code)) {
        has_letter = true;
        const char32_t c = turkish_letter(next.code);
        kinds |= c == 0x15F ? 1 : c == 0x11F ? 2 : 4;
        if (next.code == 0xDD) evidence.dotted_capital();
      }
      if (lower.size() < 64) lower += turkish_letter(next.code);
      continue;
    }
    if (!lower.empty()) evidence.word(lower, kinds, has_letter);
    lower.clear();
    kinds = 0;
    has_letter = false;
  }
  return evidence.is_turkish();
}

}  // namespace

bool is_turkish_page_letter(char32_t code) {
  return code == 0xD0 || code == 0xDD || code == 0xDE || code == 0xF0 || code == 0xFD || code == 0xFE;
}

bool repair_turkish_page(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  std::vector<size_t> found;
  size_t next = text.find('\xC3');
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    found.clear();
    for (; next < end; next = text.find('\xC3', next + 1)) {
      if (is_turkish_page_letter(utf8::decode(text.data() + next, text.data() + end).code)) found.push_back(next);
    }
    if (!found.empty() && reads_as_turkish(text.substr(begin, end - begin))) {
      for (const size_t at : found) {
        char letter[4];
        const char32_t code = turkish_letter_as_cased(utf8::decode(text.data() + at, text.data() + end).code);
        rewrite.replace(at, at + 2, {letter, static_cast<size_t>(utf8::encode(code, letter))});
      }
    }
    begin = end + 1;
  }
  return rewrite.finish();
}

}  // namespace ayar
