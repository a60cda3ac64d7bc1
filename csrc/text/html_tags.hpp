// HTML tags out of text: block elements become line ends, cells tabs, script and style vanish with their content.
// A tag is `<` or `</`, the name of an HTML element (or an Office one such as `o:p`), and attributes up to `>`; quotes may hold `>`.
// So `a < b`, `<3`, `<ad@x.com>`, `<https://x.com>` and `<order number>` are text. A comment, a doctype and `<?xml ...>` are markup.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Removes tags, in linear time. Returns false where there is none.
bool strip_tags(std::string_view text, std::string& out, Tally& tally);

bool holds_tags(std::string_view text);

// Puts a space behind the `<` of whatever reads as a tag now: an escaped `&lt;b&gt;` was text, so it is written `< b>` and never stripped.
bool separate_tags(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
