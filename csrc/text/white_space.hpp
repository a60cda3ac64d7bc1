// White space between words, at the ends of lines and of the text.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Every kind of space becomes U+0020, every line end \n; a run of spaces one space (a tab where it holds one), no space at a line's ends,
// at most two line ends together, none at the ends of the text. Idempotent; false where nothing changes.
bool tidy_white_space(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
