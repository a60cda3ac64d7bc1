// Mojibake: UTF-8 that was read as latin-1, Windows-1252, Windows-1254 or ISO-8859-9, once or several times (`doÄŸru` for `doğru`).
#pragma once

#include <string>
#include <string_view>

namespace ayar {

// Repairs each run of characters whose bytes in those pages are UTF-8, where the repaired run fits the word around it: one script, the case
// of its neighbours, no unassigned or control character. Clean text in capitals before a symbol (`BAĞ°`, `ÉTÉ°`) reads as UTF-8 too, and
// stays. A doubtful run (`YENÄ°`) is repaired where the text holds a sure one, or no other letter beyond ASCII. Requires well-formed UTF-8.
// Returns false where nothing was repaired.
bool repair_mojibake(std::string_view text, std::string& out);

// Whether two adjacent characters could be the start of such a run: the cheap question to ask first.
bool starts_mojibake(char32_t first, char32_t second);

}  // namespace ayar
