// Web addresses in running text.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// `http://`, `https://`, `ftp://` or `www.` at the start of a word, up to white space, quotes or angle brackets; without the punctuation at
// its end, and without a closing bracket that it does not open. Well-formed UTF-8 in; false where there is none. Idempotent.
bool drop_links(std::string_view text, std::string& out, Tally& tally);

// The same, with `[LINK]` in their place.
bool mark_links(std::string_view text, std::string& out, Tally& tally);

// The end of the address that starts at `at`, or `at`.
size_t link_end(std::string_view text, size_t at);

}  // namespace ayar
