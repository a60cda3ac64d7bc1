// Whether a text is well-formed UTF-8, 32 bytes at a time: the three-table lookup of Keiser and Lemire (Validating UTF-8 in less than one
// instruction per byte, 2021), where the processor has AVX2.
#pragma once

#include <string_view>

namespace ayar::text {

bool is_well_formed(std::string_view text);

}  // namespace ayar::text
