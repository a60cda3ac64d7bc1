#include "text/web_links.hpp"

#include <algorithm>
#include <cctype>

namespace ayar {
namespace {

bool starts_with_lower(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b | 0x20 : b); });
}

bool ends_link(char c) {
  return static_cast<uint8_t>(c) <= ' ' || c == '<' || c == '>' || c == '"' || c == '\'' || c == '`' || c == '|' || c == '\x7F';
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<uint8_t>(c) >= 0x80 || c == '_';
}

template <class Replacement>
bool replace_links(std::string_view text, std::string& out, Tally& tally, const Replacement& with) {
  Rewrite rewrite(text, out, tally);
  for (size_t at = 0; at < text.size();) {
    // Every address has `://` or `www.`; the scan stops at the letters that can begin one.
    const size_t next = text.find_first_of("hHfFwW", at);
    if (next == std::string_view::npos) break;
    const size_t end = next > 0 && is_word(text[next - 1]) ? next : link_end(text, next);
    if (end > next) rewrite.replace(next, end, with);
    at = std::max(end, next + 1);
  }
  return rewrite.finish();
}

}  // namespace

size_t link_end(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  size_t end = 0;
  for (const std::string_view scheme : {"https://", "http://", "ftp://", "www."}) {
    if (starts_with_lower(rest, scheme)) {
      end = scheme.size();
      break;
    }
  }
  if (end == 0 || end == rest.size() || !is_word(rest[end])) return at;
  long brackets = 0;
  while (end < rest.size() && !ends_link(rest[end])) {
    if (rest[end] == '(') ++brackets;
    if (rest[end] == ')' && --brackets < 0) break;
    ++end;
  }
  while (end > 0 && std::string_view(".,;:!?*_~])}").find(rest[end - 1]) != std::string_view::npos) {
    if (rest[end - 1] == ')' && brackets >= 0 && rest.substr(0, end).find('(') != std::string_view::npos) break;
    --end;
  }
  return at + end;
}

bool drop_links(std::string_view text, std::string& out, Tally& tally) {
  return replace_links(text, out, tally, std::string_view{});
}

bool mark_links(std::string_view text, std::string& out, Tally& tally) {
  return replace_links(text, out, tally, std::string_view{"[LINK]"});
}

}  // namespace ayar
