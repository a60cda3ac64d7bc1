// Check digits of numbers that identify people and their accounts. Each takes the bare digits (or letters), no separators.
#pragma once

#include <string_view>

namespace ayar {

// ISO/IEC 7812-1, annex B: the checksum of payment cards.
bool luhn_is_valid(std::string_view digits);

// Turkish identity number: 11 digits, the first not 0; d10 = 7(d1+d3+d5+d7+d9) − (d2+d4+d6+d8) mod 10, d11 = d1+…+d10 mod 10.
bool tc_id_is_valid(std::string_view digits);

// A known issuer's prefix, with a length that this issuer uses.
bool card_prefix_is_known(std::string_view digits);

// ISO 13616: the length of an IBAN of this country (two capitals), or 0; and the remainder of 97, letters as 10 to 35, the first four last.
int iban_length(std::string_view country);
bool iban_is_valid(std::string_view iban);

}  // namespace ayar
