// Words that a typesetter cut at the end of a line.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// A letter, a hyphen, the end of the line and a small letter: hyphen and line end go (`exam-\nple` becomes `example`). Idempotent; takes
// well-formed UTF-8; false where nothing changes.
bool join_hyphenated(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
