// Which English words are right though no list has them: listed words with the usual endings and beginnings, two common words in one.
#pragma once

#include "text/spelling/lexicon.hpp"

namespace ayar {

bool is_english_form(const Lexicon& lexicon, const Word& word);

// How likely the word is an inflection that nobody listed of a word that somebody did. Natural logarithm; very little where it is none.
float log_english_inflection(const Lexicon& lexicon, const Word& word);

// Two forms of one word (symptom, symptoms; terrible, terribly), or its British and its American spelling (organise, organize;
// haemoglobin, hemoglobin): neither is a slip for the other.
bool are_english_variants(const Word& a, const Word& b);

}  // namespace ayar
