// The operators of cleaning, their names and their masks.
#pragma once

#include <array>
#include <cstdint>

namespace ayar {

// In the order in which they run. UTF-8 repair always runs: what comes out is a valid Arrow string.
enum CleanOperator : int {
  kUtf8,
  kTags,
  kEntities,
  kMojibake,
  kTurkishPage,
  kInvisible,
  kWidth,
  kLigatures,
  kNfkc,
  kNfc,
  kQuotes,
  kDashes,
  kMarkdown,
  kLinksDropped,
  kLinksMarked,
  kReplies,
  kHyphenation,
  kPunctuation,
  kStretched,
  kSymbols,
  kDates,
  kNumbers,
  kUnits,
  kBooleans,
  kTurkishLetters,
  kWhiteSpace,
  kCleanOperators
};
constexpr std::array<const char*, kCleanOperators> kCleanOperatorNames = {
    "utf8",      "tags",    "entities", "mojibake", "turkish_page",  "invisible",    "width",           "ligatures",   "nfkc",
    "nfc",       "quotes",  "dashes",   "markdown", "links_dropped", "links_marked", "replies",         "hyphenation", "punctuation",
    "stretched", "symbols", "dates",    "numbers",  "units",         "booleans",     "turkish_letters", "white_space"};

// One bit an operator.
using CleanMask = uint32_t;

constexpr CleanMask mask_of(CleanOperator op) {
  return CleanMask{1} << op;
}
constexpr bool has(CleanMask mask, CleanOperator op) {
  return (mask >> op & 1) != 0;
}

}  // namespace ayar
