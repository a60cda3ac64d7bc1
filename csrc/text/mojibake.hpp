// Mojibake: UTF-8 that was read as a single-byte page, once or several times (`doÄŸru` for `doğru`).
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Repairs each run of characters whose bytes in a page are UTF-8, where the repaired run fits the word around it: one script, the case of
// its neighbours, no unassigned or control character. Clean text in capitals before a symbol (`BAĞ°`, `ÉTÉ°`) reads as UTF-8 too, and
// stays. A doubtful run (`YENÄ°`) is repaired where its line holds a sure one, or no other letter beyond ASCII. A line is judged by itself.
// The control characters 80 to 9F become the marks of Windows-1252. Pages: latin-1, Windows-1252 and -1254, ISO-8859-9, and where the
// misreading is plain Windows-1250, -1251, -1253 and -1257, ISO-8859-2, MacRoman and code page 437. Requires well-formed UTF-8. Returns
// false where nothing was repaired.
bool repair_mojibake(std::string_view text, std::string& out, Tally& tally);

// Whether the character at `at` is a sign of mojibake by itself: a control character of Windows-1252's range, or the `Ã ` of a misread `à`.
bool is_lone_mojibake(std::string_view text, size_t at, char32_t code);

}  // namespace ayar
