// Unicode Normalization Form C (UAX #15): canonical decomposition, canonical order, canonical composition.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Requires well-formed UTF-8. Returns false where text is in NFC already.
bool normalize_nfc(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
