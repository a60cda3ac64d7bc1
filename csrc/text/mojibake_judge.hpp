// Whether a run of characters is a misread one: what it would read, judged by the word around it.
#pragma once

#include <cstdint>
#include <string_view>

#include "text/code_pages.hpp"

namespace ayar {

// How sure it is that a candidate is what somebody wrote. `weak` needs a strong one in the line; `likely` that, or no other letter beyond
// ASCII in it.
enum class Verdict : uint8_t { reject, weak, likely, strong };

struct Neighbours {
  char32_t before2, before, after;  // 0: the line ends there
  std::u32string_view word;         // the letters before, `before` among them
};

// `c` is what `lead` and `continuation` would read together, in the western pages.
Verdict judge_western(char32_t c, char32_t lead, std::u32string_view continuation, const Neighbours& around);

// The same in any other page: those letters and marks stand beside each other in clean text too, so the evidence must be a word that nobody
// writes: a capital or a sign inside it, two scripts in it, or a control character.
Verdict judge_other_page(char32_t c, char32_t lead, std::u32string_view continuation, const Neighbours& around);

}  // namespace ayar
