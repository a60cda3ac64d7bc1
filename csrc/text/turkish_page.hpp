// Turkish that was written in Windows-1254 or ISO-8859-9 and read as latin-1: `Ýstanbul þeker ýþýk` for `İstanbul şeker ışık`.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// The pages differ in six letters only: Ğ İ Ş ğ ı ş appear as Ð Ý Þ ð ý þ. A line is repaired as a whole, where its words become Turkish
// ones: by vowel harmony, by where Turkish has these letters, by ç, ü and everyday words beside them. A line with a letter that Turkish has
// not (á, í, ó, æ, š ...), with an everyday Icelandic word, or with a right Turkish letter stays. Requires well-formed UTF-8.
bool repair_turkish_page(std::string_view text, std::string& out, Tally& tally);

// Ð Ý Þ ð ý þ
bool is_turkish_page_letter(char32_t code);

}  // namespace ayar
