// Character references (`&amp;`, `&#287;`, `&nbsp`): WHATWG's names, decoded until none is left.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Decodes character references, and those that decoding brings about (`&amp;amp;` is `&`), in linear time.
// Unlike a browser, a name without its semicolon stays where a letter, a digit or `=` follows: `?a=1&copy=2` is an address, not `?a=1©=2`.
// A reference longer than 40 bytes is text. Where drop_invisible, a decoded control or zero-width character after ASCII is dropped at once.
// Requires well-formed UTF-8. Returns false where there is nothing to decode.
bool decode_entities(std::string_view text, bool drop_invisible, std::string& out, Tally& tally);

}  // namespace ayar
