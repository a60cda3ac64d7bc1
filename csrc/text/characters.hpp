// Cleaning one character at a time: what nobody sees, white space, and quotation marks. Each takes well-formed UTF-8;
// each returns false where text needs no change (out is then of no use); each is idempotent.
#pragma once

#include <string>
#include <string_view>

namespace ayar {

// Drops control, zero-width, bidirectional, tag and noncharacters, soft hyphens, byte-order marks, and terminal colour codes.
// ZWJ and ZWNJ stay inside emoji and behind letters of the scripts that need them (Arabic, Indic, South-East Asian).
bool drop_invisible(std::string_view text, std::string& out);

// Every kind of space becomes U+0020, every line end \n; a run of spaces one space (a tab where it holds one), no space at a line's ends,
// at most two line ends together, none at the ends of the text.
bool tidy_white_space(std::string_view text, std::string& out);

// Curly quotation marks become ' and ". Guillemets stay.
bool straighten_quotes(std::string_view text, std::string& out);

}  // namespace ayar
