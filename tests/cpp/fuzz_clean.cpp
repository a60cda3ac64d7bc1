// sources: csrc/text/utf8.cpp csrc/text/code_points.cpp csrc/text/nfc.cpp csrc/text/html_entities.cpp
// sources: csrc/text/html_tags.cpp csrc/text/mojibake.cpp csrc/text/mojibake_judge.cpp csrc/text/code_pages.cpp csrc/text/characters.cpp
// sources: csrc/text/clean.cpp csrc/text/clean_scan.cpp csrc/text/rewrite.cpp csrc/text/white_space.cpp csrc/text/turkish_page.cpp
// sources: csrc/text/markdown.cpp csrc/text/web_links.cpp csrc/text/email_replies.cpp csrc/text/line_joins.cpp csrc/text/repetition.cpp
// sources: csrc/text/values.cpp csrc/text/deasciify.cpp csrc/text/compatibility.cpp
// sources: csrc/core/thread_pool.cpp csrc/core/errors.cpp csrc/core/cpu_features.cpp
// Cleaning of any bytes with any choice of operators: well-formed, idempotent, and the vectorised look never misses what would change.
#include "mutation.hpp"
#include "text/clean.hpp"
#include "text/clean_scan.hpp"
#include "text/utf8.hpp"

namespace {
bool is_utf8(std::string_view text) {
  return ayar::utf8::find_ill_formed(text.data(), text.data() + text.size()) == text.data() + text.size();
}

constexpr ayar::CleanMask kEvery = (1u << ayar::kCleanOperators) - 1;
constexpr ayar::CleanMask kDefault = 1u << ayar::kTags | 1u << ayar::kEntities | 1u << ayar::kMojibake | 1u << ayar::kTurkishPage |
                                     1u << ayar::kInvisible | 1u << ayar::kNfc | 1u << ayar::kWhiteSpace;

// Whether copying what lies between the edits, and taking what they made, gives the cleaned text.
bool rebuilds(std::string_view text, std::string_view cleaned, const ayar::Edits& edits) {
  std::string rebuilt;
  size_t done = 0;
  for (const ayar::Edit& edit : edits) {
    if (edit.begin < done || edit.end < edit.begin || edit.end > text.size() || edit.new_end > cleaned.size()) return false;
    rebuilt += text.substr(done, edit.begin - done);
    if (rebuilt.size() != edit.new_begin) return false;
    rebuilt += cleaned.substr(edit.new_begin, edit.new_end - edit.new_begin);
    done = edit.end;
  }
  rebuilt += text.substr(done);
  return rebuilt == cleaned;
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
                   "Ý",
                   "þ",
                   "ð",
                   "ý",
                   "ç",
                   "ı",
                   "Рґ",
                   "Ă¨",
                   "√©",
                   "**",
                   "# ",
                   "> ",
                   "[x](",
                   ")",
                   "```",
                   "https://x.y/",
                   "On x wrote:\n",
                   "-- \n",
                   "From: ",
                   "\nSent: ",
                   "-\n",
                   "!!!",
                   "?",
                   "...",
                   "ooo",
                   "====",
                   "12.03.2024",
                   "1.234.567,8",
                   "5kg",
                   "evet",
                   "cok bir ve siparis ",
                   "ﬁ",
                   "ｱﾞ",
                   "Ａ",
                   "…",
                   "—",
                   "The quick brown fox jumps over the lazy dog. "},
                  argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  const long long count = iterations(argc, argv);
  for (long long iteration = 0; iteration < count; ++iteration) {
    const Exact text(mutator.text());
    const ayar::CleanMask operators = mutator.below(3) == 0 ? kDefault : static_cast<ayar::CleanMask>(mutator.next()) & kEvery;
    FUZZ_CHECK(ayar::scan_for_work(text.view()) == ayar::scan_for_work_portable(text.view()));
    std::string once, twice;
    ayar::Edits edits;
    ayar::CleanDetails details, repeated;
    details.edits = &edits;
    const ayar::CleanMask touched = ayar::clean(text.view(), operators, once, details);
    if (!ayar::needs_cleaning(text.view(), operators)) FUZZ_CHECK(touched == 0);
    if (touched == 0) once = text.view();
    FUZZ_CHECK(is_utf8(once));
    const Exact again(once);
    FUZZ_CHECK(ayar::clean(again.view(), operators, twice, repeated) == 0);
    FUZZ_CHECK(rebuilds(text.view(), once, edits));
  }
  std::printf("fuzz_clean: %lld texts\n", count);
}
