// sources: csrc/text/utf8.cpp csrc/text/code_points.cpp csrc/text/nfc.cpp csrc/text/html_entities.cpp
// sources: csrc/text/html_tags.cpp csrc/text/mojibake.cpp csrc/text/characters.cpp csrc/text/clean.cpp
// sources: csrc/core/thread_pool.cpp csrc/core/errors.cpp
// Cleaning of any bytes with any choice of operators: well-formed, idempotent, and the vectorised look never misses what would change.
#include "mutation.hpp"
#include "text/clean.hpp"
#include "text/utf8.hpp"

namespace {
bool is_utf8(std::string_view text) {
  return ayar::utf8::find_ill_formed(text.data(), text.data() + text.size()) == text.data() + text.size();
}
}  // namespace

int main(int argc, char** argv) {
  using namespace std::string_view_literals;
  Mutator mutator({"a",
                   "B",
                   "ş",
                   "İ",
                   " ",
                   "  ",
                   "\t",
                   "\n",
                   "\r\n",
                   "\xC2\xA0",
                   "\xE2\x80\xA8",
                   "e\xCC\x81",
                   "\xCC\xA7",
                   "\xE2\x84\xAA",
                   "\xCD\xBE",
                   "<",
                   ">",
                   "<b>",
                   "</p>",
                   "<br/>",
                   "<!--",
                   "-->",
                   "<script>",
                   "</script>",
                   "<a href=\"",
                   "\"",
                   "'",
                   "=",
                   "&lt;",
                   "&gt;",
                   "b>",
                   "&",
                   "&amp;",
                   "amp;",
                   "&#38;",
                   "#38;",
                   "&#8203;",
                   "&zwj;",
                   "&shy;",
                   "&copy",
                   "&num",
                   "&#894;",
                   "&#xFEFF;",
                   "&Aring;",
                   "&Yuml;",
                   "Ã",
                   "¼",
                   "Ã¼",
                   "ÅŸ",
                   "â€™",
                   "Ä°",
                   "Ğ°",
                   "ï»¿",
                   "Ã…Å¸",
                   "Ð",
                   "ğŸ˜€",
                   "\xC2\x9F",
                   "\xC2\xAD",
                   "\xE2\x80\x8B",
                   "\xE2\x80\x8D",
                   "\xEF\xBB\xBF",
                   "\0"sv,
                   "\x1B[31m",
                   "👩",
                   "👧",
                   "می",
                   "“",
                   "’",
                   "한",
                   "\xE1\x84\x80\xE1\x85\xA1",
                   "\xFF",
                   "\xC0\x80",
                   "\xED\xA0\x80",
                   "\xF0\x9F",
                   "\xE2\x82",
                   "The quick brown fox jumps over the lazy dog. "},
                  1);
  const long long count = iterations(argc, argv);
  for (long long iteration = 0; iteration < count; ++iteration) {
    const Exact text(mutator.text());
    const auto operators = static_cast<ayar::CleanMask>(mutator.below(3) == 0 ? mutator.next() & 0xFF : 0xFF);
    std::string once, twice;
    const ayar::CleanMask touched = ayar::clean(text.view(), operators, once);
    if (!ayar::needs_cleaning(text.view(), operators)) FUZZ_CHECK(touched == 0);
    if (touched == 0) once = text.view();
    FUZZ_CHECK(is_utf8(once));
    const Exact again(once);
    FUZZ_CHECK(ayar::clean(again.view(), operators, twice) == 0);
  }
  std::printf("fuzz_clean: %lld texts\n", count);
}
