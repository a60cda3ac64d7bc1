// Numbering plans: which digits a telephone number may have.
#pragma once

#include <string_view>

namespace ayar {

// ITU-T E.164: the length of the calling code that international digits start with (1 to 3), or 0.
int calling_code_length(std::string_view digits);

// How many digits follow a calling code.
struct DigitRange {
  int shortest, longest;
};
DigitRange national_digits(std::string_view calling_code);

// Ten digits without the leading 0: a mobile, a city, or a 800, 850, 900 number of Turkey.
bool is_turkish_mobile(std::string_view national);
bool is_turkish_number(std::string_view national);

// Ten digits without the leading 1 (North American Numbering Plan): area and exchange start with 2 to 9.
bool is_north_american(std::string_view national);

// Digits with the leading 0.
bool is_british_mobile(std::string_view digits);
bool is_british_number(std::string_view digits);

}  // namespace ayar
