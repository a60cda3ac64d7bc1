#include "text/spelling/own_words.hpp"

namespace ayar {
namespace {

constexpr int64_t kLeastUses = 3, kRarerThanMeant = 10;

uint64_t meant_key(const DoubtfulWord& word) {
  return static_cast<uint64_t>(word.meant) * 2 + static_cast<uint64_t>(word.language);
}

}  // namespace

std::unordered_set<uint64_t> own_words(const DoubtfulWords& words, const WordCounts& counts) {
  std::unordered_map<uint64_t, int64_t> misspelled;  // how often each meant word is, one way or the other
  for (const auto& [key, word] : words)
    if (word.meant != kNoWord) misspelled[meant_key(word)] += word.count;
  std::unordered_set<uint64_t> own;
  for (const auto& [key, word] : words) {
    if (word.count < kLeastUses) continue;
    const int64_t others = word.meant == kNoWord ? 0 : counts.count(word.language, word.meant) + misspelled[meant_key(word)] - word.count;
    if (word.count * kRarerThanMeant > others) own.insert(key);
  }
  return own;
}

}  // namespace ayar
