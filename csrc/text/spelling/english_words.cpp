#include "text/spelling/english_words.hpp"

#include <algorithm>
#include <string_view>

namespace ayar {
namespace {

constexpr int kShortestPart = 4;
constexpr float kLogPart = -13.8F;               // 1 in a million
constexpr float kLogUnlistedInflection = -4.0F;  // beside the word that it is a form of
constexpr float kImpossible = -1e9F;
constexpr float kLogCompounded = -11.5F;

constexpr std::u32string_view kEndings[] = {U"s",    U"es",   U"ed",  U"d",    U"ing", U"er",  U"ers", U"ly",  U"ness",
                                            U"less", U"able", U"ish", U"like", U"ful", U"ism", U"ist", U"ists"};
constexpr std::u32string_view kBeginnings[] = {U"un",    U"re",    U"non", U"pre", U"anti", U"over",  U"under", U"sub",
                                               U"inter", U"multi", U"co",  U"de",  U"mis",  U"super", U"micro", U"mini",
                                               U"semi",  U"post",  U"out", U"dis", U"auto", U"cyber"};
// What every noun or verb may end in, and what stands in the place of it in the listed word: reveal-s, symboliz-ing from symboliz-e.
constexpr std::u32string_view kInflections[][2] = {{U"s", U""},    {U"es", U""},   {U"ed", U""},  {U"ing", U""},  {U"er", U""},
                                                   {U"ers", U""},  {U"ly", U""},   {U"ed", U"e"}, {U"ing", U"e"}, {U"er", U"e"},
                                                   {U"ers", U"e"}, {U"ies", U"y"}, {U"ied", U"y"}};

// Endings of two forms of one word.
constexpr std::u32string_view kForms[][2] = {{U"", U"s"},   {U"s", U"d"},   {U"s", U"r"},   {U"d", U"r"},   {U"e", U"y"},  {U"t", U"m"},
                                             {U"a", U"us"}, {U"an", U"en"}, {U"is", U"es"}, {U"ss", U"st"}, {U"ly", U"le"}};
// British and American, wherever they stand.
constexpr std::u32string_view kSpellings[][2] = {{U"is", U"iz"},     {U"ys", U"yz"},   {U"our", U"or"}, {U"ae", U"e"},
                                                 {U"oe", U"e"},      {U"lle", U"le"},  {U"lli", U"li"}, {U"tre", U"ter"},
                                                 {U"ence", U"ense"}, {U"ogue", U"og"}, {U"mme", U"m"}};

bool has_at(const Word& word, int place, std::u32string_view letters) {
  if (place < 0 || word.size - place < static_cast<int>(letters.size())) return false;
  for (size_t i = 0; i < letters.size(); ++i)
    if (word[place + static_cast<int>(i)] != letter_code(letters[i])) return false;
  return true;
}

Word part(const Word& word, int begin, int end) {
  Word cut;
  for (int place = begin; place < end; ++place) cut.push(word[place]);
  return cut;
}

// Whether replacing `from` by `to` at `place` makes the one word the other.
bool becomes(const Word& word, const Word& other, int place, std::u32string_view from, std::u32string_view to) {
  const int behind = place + static_cast<int>(from.size()), behind_other = place + static_cast<int>(to.size());
  if (word.size - behind != other.size - behind_other || !has_at(word, place, from) || !has_at(other, place, to)) return false;
  return part(word, behind, word.size) == part(other, behind_other, other.size);
}

}  // namespace

bool is_english_form(const Lexicon& lexicon, const Word& word) {
  const auto is_common = [&](const Word& piece, float least) {
    const int32_t id = lexicon.find(piece);
    return piece.size >= kShortestPart && id != kNoWord && lexicon.log_frequency(id) >= least;
  };
  for (const std::u32string_view ending : kEndings) {
    const int stem = word.size - static_cast<int>(ending.size());
    if (stem >= kShortestPart && has_at(word, stem, ending) && is_common(word.first(stem), kLogPart)) return true;
  }
  for (const std::u32string_view beginning : kBeginnings)
    if (has_at(word, 0, beginning) && is_common(part(word, static_cast<int>(beginning.size()), word.size), kLogPart)) return true;
  for (int cut = kShortestPart; cut + kShortestPart <= word.size; ++cut)
    if (is_common(word.first(cut), kLogCompounded) && is_common(part(word, cut, word.size), kLogCompounded)) return true;
  return false;
}

float log_english_inflection(const Lexicon& lexicon, const Word& word) {
  float best = kImpossible;
  for (const auto& [ending, instead] : kInflections) {
    const int stem = word.size - static_cast<int>(ending.size());
    if (stem < kShortestPart || !has_at(word, stem, ending)) continue;
    Word listed = word.first(stem);
    for (const char32_t letter : instead) listed.push(letter_code(letter));
    if (const int32_t id = lexicon.find(listed); id != kNoWord) best = std::max(best, lexicon.log_frequency(id) + kLogUnlistedInflection);
  }
  return best;
}

bool are_english_variants(const Word& a, const Word& b) {
  const int shorter = std::min(a.size, b.size);
  int same = 0;
  while (same < shorter && a[same] == b[same]) ++same;
  for (const auto& [one, other] : kForms) {
    const int stem = a.size - static_cast<int>(one.size()), other_stem = a.size - static_cast<int>(other.size());
    if (stem >= kShortestPart && stem <= same && becomes(a, b, stem, one, other)) return true;
    if (other_stem >= kShortestPart && other_stem <= same && becomes(a, b, other_stem, other, one)) return true;
  }
  for (const auto& [one, other] : kSpellings)
    for (int place = std::max(0, same - 2); place <= same; ++place)  // they differ in their third letter at the latest
      if (becomes(a, b, place, one, other) || becomes(a, b, place, other, one)) return true;
  return false;
}

}  // namespace ayar
