#include "text/white_space.hpp"

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

// The first white space at or behind p.
const char* end_of_word(const char* p, const char* end) {
  while (p < end) {
    if (*p > ' ') {
      ++p;
    } else if (static_cast<uint8_t>(*p) >= 0x80) {
      const utf8::Decoded next = utf8::decode(p, end);
      if ((code_point_byte(next.code) & kIsSpace) != 0) return p;
      p += next.length;
    } else {
      if (*p == ' ' || *p == '\t' || *p == '\n' || (code_point_byte(static_cast<uint8_t>(*p)) & kIsSpace) != 0) return p;
      ++p;
    }
  }
  return p;
}

bool is_line_end(char32_t code) {
  return (code >= 0x0A && code <= 0x0D) || code == 0x85 || code == 0x2028 || code == 0x2029;
}

}  // namespace

bool tidy_white_space(std::string_view text, std::string& out, Tally& tally) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  Rewrite rewrite(text, out, tally);
  for (const char* p = begin; p < end;) {
    const char* const gap = p;
    int line_ends = 0;
    char blank = 0;
    while (p < end) {
      const utf8::Decoded next = utf8::decode(p, end);
      if (next.code != ' ' && next.code != '\t' && next.code != '\n' && (code_point_byte(next.code) & kIsSpace) == 0) break;
      p += next.length;
      if (is_line_end(next.code)) {
        if (next.code == '\r' && p < end && *p == '\n') ++p;
        ++line_ends;
      } else if (blank == 0 || next.code == '\t') {
        blank = next.code == '\t' ? '\t' : ' ';
      }
    }
    if (p > gap) {
      std::string_view tidy;
      if (gap != begin && p != end) tidy = line_ends > 1 ? "\n\n" : line_ends == 1 ? "\n" : blank == '\t' ? "\t" : " ";
      rewrite.replace(gap - begin, p - begin, tidy);
    }
    p = end_of_word(p, end);
  }
  return rewrite.finish();
}

}  // namespace ayar
