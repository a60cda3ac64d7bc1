// Words that no list has and that the rows use again and again: their trade's own (peft), not slips for something common (left).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "text/spelling/lexicon.hpp"

namespace ayar {

// A word that would be corrected. meant: id in its language's list, or kNoWord.
struct DoubtfulWord {
  SpellingLanguage language;
  int32_t meant;
  int64_t count = 0;
};

using DoubtfulWords = std::unordered_map<uint64_t, DoubtfulWord>;  // by own_word_key

inline uint64_t own_word_key(const Word& typed, SpellingLanguage language) {
  return hash_word(typed) * 2 + static_cast<uint64_t>(language);
}

// How often each listed word stands in the rows. Threads may share it.
class WordCounts {
 public:
  void expect(SpellingLanguage language, int32_t words) { of(language) = std::vector<std::atomic<uint32_t>>(static_cast<size_t>(words)); }
  void add(SpellingLanguage language, int32_t id) { of(language)[static_cast<size_t>(id)].fetch_add(1, std::memory_order_relaxed); }
  int64_t count(SpellingLanguage language, int32_t id) const {
    return counts_[static_cast<size_t>(language)][static_cast<size_t>(id)].load(std::memory_order_relaxed);
  }

 private:
  std::vector<std::atomic<uint32_t>>& of(SpellingLanguage language) { return counts_[static_cast<size_t>(language)]; }

  std::array<std::vector<std::atomic<uint32_t>>, 2> counts_;
};

// The keys of those that stand in the rows three times or more, and more than a tenth as often as what they would become, whichever way
// that is written.
std::unordered_set<uint64_t> own_words(const DoubtfulWords& words, const WordCounts& counts);

}  // namespace ayar
