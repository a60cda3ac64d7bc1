#include "text/repetition.hpp"

#include <cctype>

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

struct Run {
  char32_t code = 0;
  int length = 0;    // bytes of one
  size_t count = 0;  // how often it stands here
};

Run run_at(const char* p, const char* end) {
  const utf8::Decoded first = utf8::decode(p, end);
  const auto length = static_cast<size_t>(first.length);
  const std::string_view one(p, length);
  size_t count = 1;
  while (static_cast<size_t>(end - p) >= (count + 1) * length && std::string_view(p + count * length, length) == one) ++count;
  return {first.code, first.length, count};
}

// Calls body(begin, run) for each run of equal characters.
template <class Body>
void for_each_run(std::string_view text, const Body& body) {
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    const Run run = run_at(p, end);
    body(static_cast<size_t>(p - text.data()), run);
    p += run.count * run.length;
  }
}

bool is_mark(char c) {
  return c == '!' || c == '?' || c == ',' || c == ';' || c == ':' || c == '.';
}

// What a run of marks becomes. Of `!` and `?` each kind stands once, in the order in which it came.
std::string_view short_form(std::string_view marks) {
  const bool asks = marks.find('?') != std::string_view::npos, shouts = marks.find('!') != std::string_view::npos;
  if (asks && shouts) return marks.find('?') < marks.find('!') ? "?!" : "!?";
  if (asks) return "?";
  if (shouts) return "!";
  if (marks.find_first_not_of('.') == std::string_view::npos) return marks.size() == 2 ? marks : "...";
  if (marks.find_first_not_of(marks[0]) == std::string_view::npos) return marks.substr(0, 1);
  return marks;
}

bool is_symbol(char32_t c) {
  if (c < 0x80) return std::ispunct(static_cast<int>(c)) != 0;
  return (c >= 0x2010 && c <= 0x2015) || (c >= 0x2020 && c <= 0x2027) || (c >= 0x2190 && c <= 0x25FF) || c == 0xB7 || c == 0xAF;
}

}  // namespace

bool shorten_punctuation(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  for (size_t begin = 0; begin < text.size();) {
    if (!is_mark(text[begin])) {
      ++begin;
      continue;
    }
    size_t end = begin + 1;
    while (end < text.size() && is_mark(text[end])) ++end;
    if (end - begin > 1) rewrite.replace(begin, end, short_form(text.substr(begin, end - begin)));
    begin = end;
  }
  return rewrite.finish();
}

bool shorten_stretched_letters(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  for_each_run(text, [&](size_t at, const Run& run) {
    if (run.count < 3 || !is_letter(kind_of(run.code)) || script_of(run.code) == Script::east_asian) return;
    if (run.code == 'I' || run.code == 'X' || run.code == 'C' || run.code == 'M') return;  // Roman numbers
    const char* const behind = begin + at + run.count * run.length;
    const bool goes_on = behind < end && is_letter(kind_of(utf8::decode(behind, end).code));
    const bool went_before = at > 0 && is_letter(kind_of(utf8::decode_before(begin, begin + at).code));
    if (goes_on || went_before) rewrite.replace(at + 2 * run.length, at + run.count * run.length, {});
  });
  return rewrite.finish();
}

bool shorten_symbol_runs(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  for_each_run(text, [&](size_t at, const Run& run) {
    if (run.count > 3 && is_symbol(run.code)) rewrite.replace(at + 3 * run.length, at + run.count * run.length, {});
  });
  return rewrite.finish();
}

}  // namespace ayar
