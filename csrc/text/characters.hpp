// Cleaning one character at a time: ill-formed bytes, what nobody sees, quotation marks and dashes. All but the first take well-formed
// UTF-8; each returns false where text needs no change (out is then of no use); each is idempotent.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Each maximal ill-formed subpart becomes U+FFFD.
bool repair_utf8(std::string_view text, std::string& out, Tally& tally);

// Drops control, zero-width, bidirectional, tag and noncharacters, soft hyphens, byte-order marks, and terminal colour codes.
// ZWJ and ZWNJ stay inside emoji and behind letters of the scripts that need them (Arabic, Indic, South-East Asian).
bool drop_invisible(std::string_view text, std::string& out, Tally& tally);

// Curly quotation marks become ' and ". Guillemets stay.
bool straighten_quotes(std::string_view text, std::string& out, Tally& tally);

// Hyphens and dashes of every length become `-`, a minus sign too, and an ellipsis three dots.
bool plain_dashes(std::string_view text, std::string& out, Tally& tally);
bool is_fancy_dash(char32_t code);

}  // namespace ayar
