// How a language spells: how likely each letter is behind the three before it, as its listed words have them.
#pragma once

#include <cstdint>
#include <vector>

#include "text/spelling/letters.hpp"

namespace ayar {

class LetterChains {
 public:
  void add(const Word& word);

  // Natural logarithm of the chance that a word nobody listed is spelled so. Chains of four letters where they were seen, mixed with
  // shorter ones after Witten and Bell (1991).
  float log_chance(const Word& word) const;

 private:
  static constexpr size_t kCodes = kLetterCodes;  // 0 stands for the word's border

  struct Chains {
    std::vector<uint32_t> counts;  // of each chain of so many letters, its last letter in the lowest place
    std::vector<uint32_t> begun;   // how often its letters but the last were seen
    std::vector<uint8_t> kinds;    // how many letters followed those
  };

  Chains of_length_[4] = {make(1), make(2), make(3), make(4)};

  static Chains make(int letters);
};

}  // namespace ayar
