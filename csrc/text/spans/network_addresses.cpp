// IP addresses: dotted quads, and IPv6 as RFC 4291 (section 2.2) writes it.
#include "text/spans/recognizers.hpp"

namespace ayar {
namespace {

bool is_hex(char c) {
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool is_octet(std::string_view digits) {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return false;
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value <= 255;
}

bool is_dotted_quad(std::string_view text) {
  int octets = 0;
  while (octets < 4) {
    const size_t dot = octets < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos || text.substr(0, dot).find_first_not_of("0123456789") != std::string_view::npos) return false;
    if (!is_octet(text.substr(0, dot))) return false;
    text.remove_prefix(octets < 3 ? dot + 1 : dot);
    ++octets;
  }
  return text.empty();
}

// Up to eight groups of one to four hex digits; one "::" stands for the missing ones; the last two may be a dotted quad.
bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool is_shortened = false;
  size_t i = 0;
  if (text.starts_with("::")) {
    is_shortened = true;
    i = 2;
  }
  while (i < text.size()) {
    const size_t colon = text.find(':', i);
    const std::string_view group = text.substr(i, colon == std::string_view::npos ? colon : colon - i);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      if (!is_dotted_quad(group)) return false;
      groups += 2;
    } else {
      if (group.empty() || group.size() > 4 || group.find('.') != std::string_view::npos) return false;
      ++groups;
    }
    if (colon == std::string_view::npos) break;
    i = colon + 1;
    if (i == text.size()) return false;
    if (text[i] == ':') {
      if (is_shortened) return false;
      is_shortened = true;
      ++i;
    }
  }
  return is_shortened ? groups < 8 : groups == 8;
}

bool ends_with_word(std::string_view text, std::string_view lower_word) {
  if (text.size() < lower_word.size()) return false;
  text.remove_prefix(text.size() - lower_word.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower_word[i]) return false;
  }
  return true;
}

// "version 1.2.3.4" and "v1.2.3.4" are no address.
bool follows_version(std::string_view before) {
  while (!before.empty() && (before.back() == ' ' || before.back() == ':' || before.back() == '.')) before.remove_suffix(1);
  return ends_with_word(before, "version") || ends_with_word(before, "ver") || ends_with_word(before, "sürüm") ||
         ends_with_word(before, "versiyon") || ends_with_word(before, "firmware");
}

}  // namespace

std::optional<Span> ipv4_from(std::string_view text, const Groups& groups, size_t i) {
  if (i + 4 > groups.size() || groups[i].size() > 3) return std::nullopt;
  const size_t begin = groups[i].begin, end = groups[i + 3].end;
  if (end - begin > 15 || !is_dotted_quad(text.substr(begin, end - begin))) return std::nullopt;
  if (touches_word_before(text, begin) || touches_word_after(text, end)) return std::nullopt;
  if (begin >= 2 && text[begin - 1] == '.' && is_digit(text[begin - 2])) return std::nullopt;
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) return std::nullopt;
  if (follows_version(text.substr(0, begin))) return std::nullopt;
  return Span{begin, end, SpanKind::ip};
}

std::optional<Span> ipv6_around(std::string_view text, size_t at) {
  constexpr size_t kLongest = 45;
  size_t begin = at, end = at;
  while (begin > 0 && at - begin <= kLongest && (is_hex(text[begin - 1]) || text[begin - 1] == ':')) --begin;
  while (end < text.size() && end - at <= kLongest && (is_hex(text[end]) || text[end] == ':' || text[end] == '.')) ++end;
  while (end > begin && (text[end - 1] == '.' || (text[end - 1] == ':' && !text.substr(begin, end - begin).ends_with("::")))) --end;
  const std::string_view address = text.substr(begin, end - begin);
  if (address.size() < 3 || address.size() > kLongest || address.find_first_of("0123456789") == std::string_view::npos) return std::nullopt;
  if (!is_ipv6(address) || touches_word_before(text, begin) || touches_word_after(text, end)) return std::nullopt;
  return Span{begin, end, SpanKind::ip};
}

}  // namespace ayar
