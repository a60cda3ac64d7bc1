// One language's speller. Noisy channel: a listed word c behind the typed w is as likely as f(c) · P(w | c); w itself, where nobody has
// listed it, as a chain of letters. It is replaced only where the best word wins by a margin: doing no harm comes first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/spelling/deletion_index.hpp"
#include "text/spelling/lexicon.hpp"
#include "text/spelling/turkish_words.hpp"

namespace ayar {

struct Suggestion {
  Word word;
  float score;  // natural logarithm of how likely the word was meant and typed so
};

struct Correction {
  Word word;
  Word second;  // of a misspelling that joins two words; else empty
  // Nobody listed it as a misspelling, and more than marks are wrong: it may be a word of the rows' own.
  bool is_judged = false;
};

class Speller {
 public:
  // Words among the first `candidates` are right as typed, and what others are corrected to; the rest are right unless a far commoner
  // word is close by.
  Speller(Lexicon lexicon, SpellingLanguage language, int32_t candidates);
  Speller(const Speller&) = delete;
  Speller& operator=(const Speller&) = delete;

  void add_misspelling(const Word& typed, const Correction& meant);

  SpellingLanguage language() const { return language_; }
  const Lexicon& lexicon() const { return lexicon_; }

  // Listed, or made of listed parts by the rules of the language.
  bool accepts(const Word& word) const;

  // The likeliest words first; the typed word is among them where it is listed, and first where it is a candidate itself.
  std::vector<Suggestion> suggest(const Word& typed, size_t most) const;

  // margin: natural logarithm of how many times likelier than the typed word the correction must be. may_lack_marks: the text has no
  // marked letter, so that a listed word (cok) may be a far commoner one without its marks (çok).
  std::optional<Correction> correct(const Word& typed, float margin, bool may_lack_marks) const;

  // Right whatever stands around it: `correct` need not be asked.
  bool is_plain(int32_t id) const { return id < candidates_ && !has_note_[static_cast<size_t>(id)]; }

 private:
  float log_itself(const Word& typed, int32_t id) const;
  void collect_likely(const Word& typed, std::vector<Suggestion>& found) const;
  void collect_daring(const Word& typed, std::vector<Suggestion>& found) const;

  Lexicon lexicon_;
  SpellingLanguage language_;
  int32_t candidates_;
  DeletionIndex near_, far_;
  std::optional<TurkishWords> turkish_;
  std::vector<bool> has_note_;  // a listed misspelling, or a word whose marks may be missing
  std::unordered_map<uint64_t, std::pair<Word, Correction>> misspellings_;
};

}  // namespace ayar
