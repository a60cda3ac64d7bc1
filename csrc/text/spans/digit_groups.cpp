#include "text/spans/digit_groups.hpp"

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

bool is_word(char32_t code) {
  const Kind kind = kind_of(code);
  return is_letter(kind) || kind == Kind::digit || kind == Kind::mark;
}

}  // namespace

size_t space_length(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at, 3);
  if (rest.starts_with(' ')) return 1;
  if (rest.starts_with("\xC2\xA0")) return 2;
  return rest == "\xE2\x80\x87" || rest == "\xE2\x80\x89" || rest == "\xE2\x80\xAF" ? 3 : 0;
}

size_t dash_length(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at, 3);
  if (rest.starts_with('-')) return 1;
  if (rest == "\xE2\x88\x92") return 3;
  return rest.size() == 3 && rest.starts_with("\xE2\x80") && rest[2] >= '\x90' && rest[2] <= '\x94' ? 3 : 0;
}

bool touches_word_before(std::string_view text, size_t at) {
  if (at == 0) return false;
  const utf8::Decoded before = utf8::decode_before(text.data(), text.data() + at);
  return before.valid && is_word(before.code);
}

bool touches_word_after(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  const utf8::Decoded after = utf8::decode(text.data() + at, text.data() + text.size());
  return after.valid && is_word(after.code);
}

Gap gap_between(std::string_view text, size_t begin, size_t end) {
  constexpr size_t kWidest = 8;  // bytes: " – " or ") - " and a little more
  if (end - begin > kWidest) return Gap::far;
  Gap gap = Gap::space;
  int marks = 0, spaces = 0, parentheses = 0;
  for (size_t i = begin; i < end;) {
    size_t length = space_length(text, i);
    if (length != 0) {
      ++spaces;
      i += length;
      continue;
    }
    length = dash_length(text, i);
    if (length != 0) {
      gap = Gap::dash;
    } else if (text[i] == '.') {
      gap = Gap::dot;
    } else if (text[i] == '/') {
      gap = Gap::slash;
    } else if (text[i] == '(' || text[i] == ')') {
      ++parentheses;
      ++i;
      continue;
    } else {
      return Gap::far;
    }
    ++marks;
    i += length != 0 ? length : 1;
  }
  if (marks > 1 || spaces > 2 || parentheses > 2) return Gap::far;
  if (marks == 1 && spaces > 0) {
    if (gap != Gap::dash) return Gap::far;  // the end of a sentence, or the next of a list
    gap = Gap::space;
  }
  return parentheses > 0 ? Gap::parenthesis : gap;
}

}  // namespace ayar
