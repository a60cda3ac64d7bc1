#include "text/line_joins.hpp"

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

// The bytes of the hyphen that ends at `at`, or 0: `-`, a soft hyphen, U+2010.
size_t hyphen_before(std::string_view text, size_t at) {
  for (const std::string_view hyphen : {"-", "\xC2\xAD", "\xE2\x80\x90"}) {
    if (text.substr(0, at).ends_with(hyphen)) return hyphen.size();
  }
  return 0;
}

}  // namespace

bool join_hyphenated(std::string_view text, std::string& out, Tally& tally) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  Rewrite rewrite(text, out, tally);
  for (size_t line_end = text.find('\n'); line_end != std::string_view::npos; line_end = text.find('\n', line_end + 1)) {
    size_t stop = line_end;
    while (stop > rewrite.done() && (text[stop - 1] == '\r' || text[stop - 1] == ' ')) --stop;
    const size_t hyphen = hyphen_before(text, stop);
    if (hyphen == 0 || stop - hyphen <= rewrite.done()) continue;
    size_t next = line_end + 1;
    while (next < text.size() && (text[next] == ' ' || text[next] == '\t')) ++next;
    if (next == text.size() || kind_of(utf8::decode(begin + next, end).code) != Kind::lower) continue;
    if (!is_letter(kind_of(utf8::decode_before(begin, begin + stop - hyphen).code))) continue;
    rewrite.replace(stop - hyphen, next, {});
  }
  return rewrite.finish();
}

}  // namespace ayar
