#include "text/spelling/speller.hpp"

#include <algorithm>
#include <cmath>

#include "text/spelling/english_words.hpp"
#include "text/spelling/typing_errors.hpp"

namespace ayar {
namespace {

constexpr int kShortest = 4;        // shorter words are changed only by the list of misspellings
constexpr int kShortestForTwo = 7;  // letters, for two edits
constexpr int kFarPrefix = 7;
constexpr float kLogUnlisted[] = {-5.2F, -3.0F};  // that a word of an English or a Turkish text is one that nobody listed
constexpr float kLogRight = -0.02F;
constexpr float kLogSuffixed = -7.0F;     // a suffixed form that is not listed itself, beside its stem
constexpr float kLogLooseSuffix = -4.0F;  // a letter of a suffix against the harmony
constexpr float kLogUnlistedSuffixed = -6.5F;
constexpr float kLogEnding = 6.0F;      // asked on top where only the ending differs
constexpr float kClearlySecond = 1.4F;  // the best must be four times as likely as the next
constexpr float kLogMarkless = 3.4F;    // a listed word without its marks is 30 times rarer than with them

// Only marks that the typed word lacks tell them apart; one that it has is no slip (tezgâh).
bool lacks_marks(const Word& typed, const Word& meant) {
  bool lacks = false;
  for (int place = 0; place < typed.size; ++place) {
    if (typed[place] == meant[place]) continue;
    if (bare_letter(meant[place]) != typed[place]) return false;
    lacks = true;
  }
  return lacks;
}

// Older spelling, not a slip: hattâ, merkezî.
bool removes_circumflex(const Word& typed, const Word& meant) {
  if (typed.size != meant.size) return false;
  for (int place = 0; place < typed.size; ++place) {
    const char32_t letter = kLetters[typed[place]];
    if (typed[place] != meant[place] && (letter == U'â' || letter == U'î' || letter == U'û') &&
        bare_letter(typed[place]) == bare_letter(meant[place]))
      return true;
  }
  return false;
}

// One is the other with a letter behind it, as inflected words differ; a letter struck twice is a slip.
bool differs_in_ending(const Word& typed, const Word& meant) {
  const Word &longer = typed.size > meant.size ? typed : meant, &shorter = typed.size > meant.size ? meant : typed;
  if (longer.size != shorter.size + 1 || !(longer.first(shorter.size) == shorter)) return false;
  return longer.size != typed.size || longer.last() != shorter.last();
}

}  // namespace

Speller::Speller(Lexicon lexicon, SpellingLanguage language, int32_t candidates)
    : lexicon_(std::move(lexicon)),
      language_(language),
      candidates_(std::min(candidates, lexicon_.size())),
      near_(lexicon_, candidates_, 1, kMaxLetters),
      far_(lexicon_, candidates_, 2, kFarPrefix),
      has_note_(static_cast<size_t>(lexicon_.size())) {
  if (language != SpellingLanguage::turkish) return;
  turkish_.emplace(lexicon_);
  for (int32_t id = 0; id < lexicon_.size(); ++id) {
    const Word word = lexicon_.word(id);
    if (word.size < kShortest - 1) continue;
    lexicon_.for_each_with_bare(bare_word(word), [&](int32_t other) {
      if (bare_word(word) == word && lexicon_.log_frequency(other) > lexicon_.log_frequency(id) + kLogMarkless)
        has_note_[static_cast<size_t>(id)] = true;
    });
  }
}

void Speller::add_misspelling(const Word& typed, const Correction& meant) {
  misspellings_[hash_word(typed)] = {typed, meant};
  if (const int32_t id = lexicon_.find(typed); id != kNoWord) has_note_[static_cast<size_t>(id)] = true;
}

bool Speller::accepts(const Word& word) const {
  return lexicon_.has(word) || (turkish_ ? turkish_->accepts(word) : is_english_form(lexicon_, word));
}

float Speller::log_itself(const Word& typed, int32_t id) const {
  if (id == kNoWord && turkish_) {
    // An unlisted stem with legal suffixes is as likely as its letters and a suffixed form are.
    float best = lexicon_.log_shape(typed);
    SuffixChain chain;
    for (int size = kShortest; size < typed.size; ++size) {
      const Word stem = typed.first(size);
      const float score = lexicon_.log_shape(stem) + kLogUnlistedSuffixed;
      if (score > best && (match_suffixes(typed, stem, StemKind::noun, false, Fit::exact, chain) ||
                           match_suffixes(typed, stem, StemKind::verb, false, Fit::exact, chain)))
        best = score;
    }
    return kLogUnlisted[static_cast<size_t>(language_)] + best;
  }
  float unlisted = kLogUnlisted[static_cast<size_t>(language_)] + lexicon_.log_shape(typed);
  if (id == kNoWord) unlisted = std::max(unlisted, log_english_inflection(lexicon_, typed));
  return id == kNoWord ? unlisted : std::max(unlisted, lexicon_.log_frequency(id) + kLogRight);
}

// What one slip explains: a single edit, missing marks, or a single edit in the stem of a suffixed form.
void Speller::collect_likely(const Word& typed, std::vector<Suggestion>& found) const {
  thread_local std::vector<int32_t> ids;
  ids.clear();
  near_.candidates(typed, ids);
  for (const int32_t id : ids) {
    const Word word = lexicon_.word(id);
    const float channel = log_single_edit(typed, word, language_);
    if (channel != kNever) found.push_back({word, lexicon_.log_frequency(id) + channel});
  }
  if (!turkish_) return;
  lexicon_.for_each_with_bare(bare_word(typed), [&](int32_t id) {
    const Word word = lexicon_.word(id);
    if (lacks_marks(typed, word)) found.push_back({word, lexicon_.log_frequency(id) + kLogMarksLeftOut});
  });
  if (const std::optional<TurkishForm> form = turkish_->restore(typed, Fit::bare); form && lacks_marks(typed, form->word))
    found.push_back({form->word, lexicon_.log_frequency(form->stem) + kLogSuffixed + kLogMarksLeftOut});
  if (!found.empty()) return;
  std::vector<TurkishForm> forms;
  turkish_->with_other_stem(typed, near_, forms);
  for (const TurkishForm& form : forms) {
    const float channel = log_single_edit(typed, form.word, language_);
    if (channel != kNever) found.push_back({form.word, lexicon_.log_frequency(form.stem) + kLogSuffixed + channel});
  }
}

// Two edits, and suffixes against the harmony: good enough to suggest, too daring to write.
void Speller::collect_daring(const Word& typed, std::vector<Suggestion>& found) const {
  if (turkish_) {
    if (const std::optional<TurkishForm> form = turkish_->restore(typed, Fit::loose); form && form->mistakes > 0)
      found.push_back(
          {form->word, lexicon_.log_frequency(form->stem) + kLogSuffixed + kLogLooseSuffix * static_cast<float>(form->mistakes)});
  }
  if (!found.empty() || typed.size < kShortestForTwo) return;
  std::vector<int32_t> ids;
  far_.candidates(typed, ids);
  for (const int32_t id : ids) {
    const Word word = lexicon_.word(id);
    if (std::abs(word.size - typed.size) <= 2 && edit_distance(typed, word) == 2)
      found.push_back({word, lexicon_.log_frequency(id) + kLogTwoEdits});
  }
}

std::vector<Suggestion> Speller::suggest(const Word& typed, size_t most) const {
  std::vector<Suggestion> found;
  collect_likely(typed, found);
  if (found.empty()) collect_daring(typed, found);
  const int32_t id = lexicon_.find(typed);
  if (id != kNoWord) found.push_back({typed, id < candidates_ ? 0 : log_itself(typed, id)});
  std::stable_sort(found.begin(), found.end(), [](const Suggestion& a, const Suggestion& b) { return a.score > b.score; });
  std::vector<Suggestion> distinct;
  for (const Suggestion& suggestion : found) {
    const bool is_new =
        std::none_of(distinct.begin(), distinct.end(), [&](const Suggestion& other) { return other.word == suggestion.word; });
    if (is_new && distinct.size() < most) distinct.push_back(suggestion);
  }
  return distinct;
}

std::optional<Correction> Speller::correct(const Word& typed, float margin, bool may_lack_marks) const {
  if (const auto listed = misspellings_.find(hash_word(typed)); listed != misspellings_.end() && listed->second.first == typed)
    return listed->second.second;
  const int32_t id = lexicon_.find(typed);
  if (id != kNoWord && id < candidates_) {
    if (!may_lack_marks || !has_note_[static_cast<size_t>(id)]) return std::nullopt;
    Suggestion best{{}, lexicon_.log_frequency(id) + kLogMarkless};
    lexicon_.for_each_with_bare(bare_word(typed), [&](int32_t other) {
      if (lexicon_.log_frequency(other) > best.score) best = {lexicon_.word(other), lexicon_.log_frequency(other)};
    });
    return best.word.size > 0 ? std::optional(Correction{best.word, {}, false}) : std::nullopt;
  }
  if (typed.size < kShortest || (id == kNoWord && accepts(typed))) return std::nullopt;
  thread_local std::vector<Suggestion> found;
  found.clear();
  collect_likely(typed, found);
  const Suggestion* best = nullptr;
  for (const Suggestion& suggestion : found)
    if (best == nullptr || suggestion.score > best->score) best = &suggestion;
  if (best == nullptr) return std::nullopt;
  for (const Suggestion& suggestion : found)
    if (!(suggestion.word == best->word) && best->score < suggestion.score + kClearlySecond) return std::nullopt;
  if (getenv("NOVAR") ? 0 : turkish_ ? removes_circumflex(typed, best->word) : are_english_variants(typed, best->word)) return std::nullopt;
  if (differs_in_ending(typed, best->word)) margin += kLogEnding;
  if (best->score < log_itself(typed, id) + margin) return std::nullopt;
  return Correction{best->word, {}, !(turkish_ && typed.size == best->word.size && lacks_marks(typed, best->word))};
}

}  // namespace ayar
