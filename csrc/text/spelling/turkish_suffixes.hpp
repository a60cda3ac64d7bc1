// Turkish words are a stem and a chain of suffixes; vowel harmony and the last letter decide how each suffix is written.
// The chains are an automaton over suffixes in the notation of Turkish grammars (Oflazer 1994 describes a full one):
//   A = a e    I = ı i u ü    D = d t    C = c ç    K = k, or ğ before a vowel    (x) = x only where it parts two vowels or two consonants
#pragma once

#include <cstdint>

#include "text/spelling/letters.hpp"

namespace ayar {

enum class StemKind : uint8_t { noun, verb };

// How far a typed letter may be from the right one.
enum class Fit : uint8_t {
  exact,
  bare,  // marks may be missing or wrong: c for ç, ı for i
  loose  // also a for e, ı for u, d for t: what speakers get wrong in suffixes
};

struct SuffixChain {
  Word word;         // stem and suffixes as they should be written
  int mistakes = 0;  // letters of the suffixes in which the typed word differs
  int suffixes = 0;
};

// Whether typed[stem.size ...] is a chain of suffixes that may follow the stem: the chain with the fewest mistakes. stem: as it stands
// before the suffix (kitab-, gid-); is_front: takes e i ö ü though its last vowel is a back one (saat-ler). The stem itself is taken
// for typed right. Work is bounded, whatever is typed.
bool match_suffixes(const Word& typed, const Word& stem, StemKind kind, bool is_front, Fit fit, SuffixChain& chain);

}  // namespace ayar
