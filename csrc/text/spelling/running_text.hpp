// Corrects the words of whole rows: finds the words that are prose, judges each row's language, and leaves everything else byte for byte.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "text/spelling/speller.hpp"
#include "text/text_batch.hpp"

namespace ayar {

struct SpellingRules {
  const Speller* english = nullptr;  // either may be absent
  const Speller* turkish = nullptr;
  bool corrects_english = true, corrects_turkish = true;  // false: known only so that its rows are not taken for the other's
  float margin = 0;                                       // see Speller::correct
  std::unordered_set<uint64_t> protected_;                // protection_key of words that are never touched
};

// Equal for spellings that differ in case only, or in the dots of an i.
uint64_t protection_key(const Word& word);

struct CorrectedBatch {
  bool is_changed = false;
  std::vector<int64_t> offsets;
  std::string bytes;
  int64_t rows_touched = 0;
  int64_t words_corrected = 0;
  int64_t words = 0;                          // prose words of judged rows
  std::array<int64_t, 3> rows_of_language{};  // English, Turkish, neither
};

// Works piece by piece on the thread pool; the same for any number of threads. A row that is neither language stays as it is.
CorrectedBatch correct_spelling(const TextBatch& texts, const SpellingRules& rules);

}  // namespace ayar
