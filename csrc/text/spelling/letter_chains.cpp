#include "text/spelling/letter_chains.hpp"

#include <cmath>

namespace ayar {
namespace {

// Calls body(chain) for each letter of the word and its end: the letter and the three before it as one number.
template <class Body>
void for_each_chain(const Word& word, size_t codes, const Body& body) {
  const size_t most = codes * codes * codes;
  size_t before = 0;
  for (int place = 0; place <= word.size; ++place) {
    const size_t code = place < word.size ? word[place] : 0;
    const size_t chain = before * codes + code;
    body(chain);
    before = chain % most;
  }
}

}  // namespace

LetterChains::Chains LetterChains::make(int letters) {
  size_t before = 1;
  for (int letter = 1; letter < letters; ++letter) before *= kCodes;
  return {std::vector<uint32_t>(before * kCodes), std::vector<uint32_t>(before), std::vector<uint8_t>(before)};
}

void LetterChains::add(const Word& word) {
  for_each_chain(word, kCodes, [&](size_t whole) {
    size_t size = kCodes;
    for (Chains& chains : of_length_) {
      const size_t chain = whole % size, before = chain / kCodes;
      chains.kinds[before] = static_cast<uint8_t>(chains.kinds[before] + (chains.counts[chain]++ == 0));
      ++chains.begun[before];
      size *= kCodes;
    }
  });
}

float LetterChains::log_chance(const Word& word) const {
  float sum = 0;
  for_each_chain(word, kCodes, [&](size_t whole) {
    double chance = 1.0 / kCodes;
    size_t size = kCodes;
    for (const Chains& chains : of_length_) {
      const size_t chain = whole % size, before = chain / kCodes;
      const double kinds = chains.kinds[before];
      if (kinds == 0) break;  // longer ones were not seen either
      chance = (chains.counts[chain] + kinds * chance) / (chains.begun[before] + kinds);
      size *= kCodes;
    }
    sum += static_cast<float>(std::log(chance));
  });
  return sum;
}

}  // namespace ayar
