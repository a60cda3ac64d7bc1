// Turkish that was typed without its letters: `cok guzel` for `çok güzel`.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Changes a text only where it is judged ASCII-Turkish: several everyday Turkish words, no everyday English one, no letter beyond ASCII.
// A word changes where it begins with a stem of the list; the rest of it follows by vowel harmony, `ğ` between vowels and `-miş`.
// Every other word stays. Idempotent; false where nothing changes.
bool restore_turkish_letters(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
