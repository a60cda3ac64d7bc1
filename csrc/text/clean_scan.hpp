// One look at a text that tells which operators of cleaning could change it, so that the others need not run.
#pragma once

#include <string_view>

#include "text/clean_operators.hpp"

namespace ayar {

// The operators whose work shows in single characters and their neighbours. Of the others nothing is known before they run.
constexpr CleanMask kScanned = mask_of(kUtf8) | mask_of(kTags) | mask_of(kEntities) | mask_of(kMojibake) | mask_of(kTurkishPage) |
                               mask_of(kInvisible) | mask_of(kNfc) | mask_of(kQuotes) | mask_of(kDashes) | mask_of(kWhiteSpace);

// Those of kScanned that may change the text; one that is missing would not. Of ill-formed text only kUtf8 is said: look again after its
// repair. 64 bytes at a time where the processor has AVX2.
CleanMask scan_for_work(std::string_view text);

// The same, one code point after the other: for other processors, and as the reference of the first.
CleanMask scan_for_work_portable(std::string_view text);

}  // namespace ayar
