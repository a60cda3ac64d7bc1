// The same character again and again: punctuation marks, stretched letters, rules made of symbols. Each operator takes well-formed UTF-8,
// returns false where nothing changes, and is idempotent.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// `!!!!` becomes `!`, `?!?!?!` becomes `?!`, more than three dots become three, commas and the like one. Inverted marks too.
bool shorten_punctuation(std::string_view text, std::string& out, Tally& tally);

// A letter that stands three times or more in a longer word stands twice: `çoooook` becomes `çook`; spelling does the rest. `www`, `VIII`
// and words of one letter stay.
bool shorten_stretched_letters(std::string_view text, std::string& out, Tally& tally);

// A symbol that stands more than three times stands three times: rules such as `=======`, `*****`, `──────`.
bool shorten_symbol_runs(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
