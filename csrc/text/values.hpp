// Dates, numbers, units and yes or no in one form each. What can be read in two ways stays. Each operator takes well-formed UTF-8, returns
// false where nothing changes, and is idempotent.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// 12.03.2024, 25/3/2024, 3/25/2024, 2024/3/5, 12 March 2024, March 12, 2024 and 12 Mart 2024 become 2024-03-12. 03/04/2024 stays.
bool iso_dates(std::string_view text, std::string& out, Tally& tally);

// 1.234.567,89 and 1,234,567.89 become 1234567.89. 1.234 and 1,5 stay: they may be a thousand or a decimal.
bool plain_numbers(std::string_view text, std::string& out, Tally& tally);

// 5kg, 5 kilograms and 5 Kg become 5 kg; so for lengths, volumes, times, data sizes, degrees, percent and lira (₺5, 5TL: 5 TL).
bool plain_units(std::string_view text, std::string& out, Tally& tally);

// A text that is nothing but yes, true, evet, doğru ... becomes `true`; no, false, hayır, yanlış ... `false`.
bool plain_booleans(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
