// Unicode's compatibility forms: characters that stand for plainer ones. Each operator takes well-formed UTF-8, returns false where nothing
// changes, and leaves composing to NFC.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Full-width letters and half-width kana in their usual width.
bool plain_width(std::string_view text, std::string& out, Tally& tally);

// ﬁ, ﬂ, ĳ, ǆ and their like as single letters.
bool split_ligatures(std::string_view text, std::string& out, Tally& tally);

// Every compatibility form; with NFC behind it, this is NFKC.
bool plain_forms(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
