#include "text/spelling/prose_words.hpp"

#include <array>

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

enum Class : uint8_t { kLetter, kSpace, kLineEnd, kSentenceEnd, kDot, kApostrophe, kCode, kPunctuation };

constexpr std::array<Class, 128> make_classes() {
  std::array<Class, 128> classes{};
  for (int byte = 0; byte < 128; ++byte) {
    const char c = static_cast<char>(byte);
    Class kind = kPunctuation;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) kind = kLetter;
    if (c >= '0' && c <= '9') kind = kCode;
    if (c == ' ' || c == '\t') kind = kSpace;
    if (c >= '\n' && c <= '\r') kind = kLineEnd;
    if (c == '!' || c == '?') kind = kSentenceEnd;
    if (c == '.' || c == ':') kind = kDot;
    if (c == '\'') kind = kApostrophe;
    for (const char mark : std::string_view("@#/\\_<>{}[]=+*~^|$%&`"))
      if (c == mark) kind = kCode;
    classes[static_cast<size_t>(byte)] = kind;
  }
  return classes;
}
constexpr auto kClasses = make_classes();

Class class_of(char32_t code) {
  if (code < 128) return kClasses[code];
  if (code == 0x2019 || code == 0xB4 || code == 0x2BC || code == 0xFF07) return kApostrophe;
  if (code == 0x2028 || code == 0x2029 || code == 0x85) return kLineEnd;
  if ((code_point_byte(code) & kIsSpace) != 0 || code == 0x3000) return kSpace;
  if (code == 0x2026) return kSentenceEnd;
  const Kind kind = kind_of(code);
  if (is_letter(kind) || kind == Kind::mark || (code_point_byte(code) & (kIsJoiner | kIsInvisible)) != 0) return kLetter;
  return kind == Kind::digit ? kCode : kPunctuation;
}

}  // namespace

void find_prose_words(std::string_view text, std::vector<ProseWord>& words) {
  words.clear();
  const char *const begin = text.data(), *const end = begin + text.size();
  bool is_first = true, is_code = false, is_open = false;
  Class before = kSpace;
  size_t kept = 0;  // words of the chunks before this one
  const auto end_chunk = [&] {
    if (is_code) words.resize(kept);
    kept = words.size();
    is_code = false;
  };
  for (const char* p = begin; p < end;) {
    const utf8::Decoded next = static_cast<uint8_t>(*p) < 0x80 ? utf8::Decoded{static_cast<uint8_t>(*p), 1, true} : utf8::decode(p, end);
    const Class kind = next.valid ? class_of(next.code) : kCode;
    const auto place = static_cast<uint32_t>(p - begin);
    if (kind == kLetter) {
      // A dot or an apostrophe between letters belongs to an address or a suffixed name.
      if (!is_open && (before == kDot || before == kApostrophe) && !words.empty() && words.size() > kept) is_code = true;
      if (!is_open) words.push_back({place, place, is_first});
      is_open = true;
      is_first = false;
      words.back().end = place + static_cast<uint32_t>(next.length);
    } else {
      is_open = false;
      is_code |= kind == kCode;
      is_first |= kind == kSentenceEnd || kind == kLineEnd || (kind == kDot && *p == '.');
      if (kind == kCode) is_first = false;
      if (kind == kSpace || kind == kLineEnd) end_chunk();
    }
    before = kind;
    p += next.length;
  }
  end_chunk();
}

}  // namespace ayar
