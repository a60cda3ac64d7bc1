// Which Turkish words are right though no list has them, and what a misspelled one was meant to be: listed stems with legal suffixes.
#pragma once

#include <optional>
#include <vector>

#include "text/spelling/deletion_index.hpp"
#include "text/spelling/lexicon.hpp"
#include "text/spelling/turkish_suffixes.hpp"

namespace ayar {

struct TurkishForm {
  Word word;
  int32_t stem = kNoWord;  // id in the lexicon
  int mistakes = 0;        // of the suffixes
};

class TurkishWords {
 public:
  // Every listed word may be the stem of a noun; a verb is what has its infinitive listed, or several other forms.
  explicit TurkishWords(const Lexicon& lexicon);

  // A listed stem and legal suffixes, every letter right.
  bool accepts(const Word& word) const;

  // What the word is when its marks (Fit::bare) or also the harmony of its suffixes (Fit::loose) are set right: the form of the fewest
  // changed letters, then of the commonest stem.
  std::optional<TurkishForm> restore(const Word& typed, Fit fit) const;

  // Appends every form that is one edit of its stem away from the typed word; the suffixes are as typed but for their marks.
  void with_other_stem(const Word& typed, const DeletionIndex& index, std::vector<TurkishForm>& forms) const;

 private:
  // What must follow a stem as it stands before a suffix.
  enum class Next : uint8_t { any, vowel, consonant, narrowed };  // narrowed: anla- → anl-ıyor

  struct Stem {
    Word shape;  // as it stands before the suffix: kitab-, ağz-, gid-
    int32_t id;
    StemKind kind;
    Next next;
    bool is_front;
  };

  void add_noun(int32_t id, std::vector<Stem>& stems) const;
  void add_verb(const Word& verb, int32_t id, std::vector<Stem>& stems) const;
  void add_verbs_by_forms(std::vector<Stem>& stems) const;
  bool is_front_exception(const Word& noun) const;
  float log_with_high_vowel(Word shape) const;
  bool is_soft_form(const Word& noun) const;
  bool is_genitive_only(const Word& noun) const;
  template <class Body>
  void for_each_stem(const Word& bare_start, const Body& body) const;
  static bool may_follow(const Stem& stem, const Word& typed);

  const Lexicon& lexicon_;
  std::vector<Stem> stems_;
  std::vector<int32_t> slots_;             // by the hash of the shape without marks
  std::vector<uint32_t> begins_of_words_;  // stems_[begins_of_words_[id] ...] are the noun stems of a listed word
};

}  // namespace ayar
