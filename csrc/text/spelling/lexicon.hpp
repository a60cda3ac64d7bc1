// The words of a language and how frequent they are, in flat arrays.
#pragma once

#include <cstdint>
#include <vector>

#include "text/spelling/letter_chains.hpp"
#include "text/spelling/letters.hpp"
#include "text/text_batch.hpp"

namespace ayar {

constexpr int32_t kNoWord = -1;

class Lexicon {
 public:
  // words: small letters, UTF-8; what cannot be read as a word is left out, a repetition too. frequency: [rows], above 0.
  Lexicon(const TextBatch& words, const float* frequency, SpellingLanguage language);

  int32_t size() const { return static_cast<int32_t>(log_frequency_.size()); }
  Word word(int32_t id) const;
  float log_frequency(int32_t id) const { return log_frequency_[static_cast<size_t>(id)]; }  // natural
  int32_t find(const Word& word) const;                                                      // id or kNoWord
  bool has(const Word& word) const { return find(word) != kNoWord; }

  // Calls body(id) for each word that is the same without marks. bare: without marks.
  template <class Body>
  void for_each_with_bare(const Word& bare, const Body& body) const {
    if (bare_slots_.empty()) return;
    const size_t mask = bare_slots_.size() - 1;
    for (size_t place = hash_word(bare) & mask; bare_slots_[place] != kNoWord; place = (place + 1) & mask)
      if (bare_word(word(bare_slots_[place])) == bare) body(bare_slots_[place]);
  }

  // How likely a word that nobody has listed is spelled so. Natural logarithm.
  float log_shape(const Word& word) const { return chains_.log_chance(word); }

 private:
  void index();

  std::vector<uint8_t> codes_;
  std::vector<uint32_t> starts_{0};
  std::vector<float> log_frequency_;
  std::vector<int32_t> slots_, bare_slots_;  // open addressing
  LetterChains chains_;
};

}  // namespace ayar
