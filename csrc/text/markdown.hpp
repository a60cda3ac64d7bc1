// Markdown's marks out of text: what they mark stays.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Headings lose `#`, quotations `>`, emphasis `**`, `__`, `~~` and `*`, code its backticks and fences, `[text](address)` and
// `![text](address)` become the text; rules and the lines below headings go. Bullets, numbers, tables and single `_` stay. Linear; applying
// it until nothing changes ends, since every edit removes bytes. Requires well-formed UTF-8; false where nothing changes.
bool strip_markdown(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
