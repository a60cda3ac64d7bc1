// How likely a word is typed as another one: the channel of a noisy-channel speller (Kernighan, Church, Gale 1990).
#pragma once

#include "text/spelling/letters.hpp"

namespace ayar {

// Optimal string alignment distance: insertions, omissions, substitutions and swaps of neighbours, none edited twice. Bit-parallel
// (Hyyrö 2003).
int edit_distance(const Word& a, const Word& b);

constexpr float kNever = -1e9F;

// Natural logarithm of the chance that `meant` is typed as `typed` by a single edit; kNever where more than one is needed or none.
float log_single_edit(const Word& typed, const Word& meant, SpellingLanguage language);

// The same for any two edits.
constexpr float kLogTwoEdits = -15.0F;

// The same where only marks are missing in `typed`: someone without a Turkish keyboard leaves all of them out.
constexpr float kLogMarksLeftOut = -3.0F;

}  // namespace ayar
