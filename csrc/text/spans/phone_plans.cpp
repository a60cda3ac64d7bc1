#include "text/spans/phone_plans.hpp"

#include <algorithm>
#include <iterator>

namespace ayar {
namespace {

// Calling codes of two digits; those of one are 1 and 7, all others have three.
constexpr std::string_view kTwoDigitCodes[] = {"20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46",
                                               "47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63",
                                               "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98"};
// The first two digits of the calling codes of three.
constexpr std::string_view kThreeDigitStarts[] = {"21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50",
                                                  "59", "67", "68", "69", "80", "85", "87", "88", "96", "97", "99"};

struct CountryDigits {
  std::string_view code;
  DigitRange range;
};
constexpr CountryDigits kNationalDigits[] = {
    {"1", {10, 10}}, {"20", {8, 10}}, {"27", {9, 9}},   {"30", {10, 10}}, {"31", {9, 9}},   {"32", {8, 9}},   {"33", {9, 9}},
    {"34", {9, 9}},  {"351", {9, 9}}, {"352", {5, 11}}, {"353", {7, 9}},  {"357", {8, 8}},  {"358", {6, 10}}, {"359", {7, 9}},
    {"36", {8, 9}},  {"380", {9, 9}}, {"39", {6, 11}},  {"40", {9, 9}},   {"41", {9, 9}},   {"43", {7, 12}},  {"44", {9, 10}},
    {"45", {8, 8}},  {"46", {7, 10}}, {"47", {8, 8}},   {"48", {9, 9}},   {"49", {6, 11}},  {"52", {10, 10}}, {"55", {10, 11}},
    {"61", {9, 9}},  {"7", {10, 10}}, {"81", {9, 10}},  {"82", {8, 10}},  {"86", {10, 11}}, {"90", {10, 10}}, {"91", {10, 10}},
    {"92", {9, 10}}, {"962", {8, 9}}, {"963", {8, 9}},  {"964", {8, 10}}, {"966", {9, 9}},  {"971", {8, 9}},  {"98", {10, 10}},
    {"994", {9, 9}}, {"995", {9, 9}},
};

// City codes of Turkey.
constexpr std::string_view kTurkishCities =
    " 212 216 222 224 226 228 232 236 242 246 248 252 256 258 262 264 266 272 274 276 282 284 286 288 312 318 322 324 326 328 332 338 342 "
    "344 "
    "346 348 352 354 356 358 362 364 366 368 370 372 374 376 378 380 382 384 386 388 392 412 414 416 422 424 426 428 432 434 436 438 442 "
    "446 "
    "452 454 456 458 462 464 466 472 474 476 478 482 484 486 488 ";

bool is_one_of(std::string_view space_separated, std::string_view three_digits) {
  const size_t at = space_separated.find(three_digits);
  return at != std::string_view::npos && space_separated[at - 1] == ' ';
}

}  // namespace

int calling_code_length(std::string_view digits) {
  if (digits.size() < 3) return 0;
  if (digits[0] == '1' || digits[0] == '7') return 1;
  const std::string_view two = digits.substr(0, 2);
  if (std::find(std::begin(kTwoDigitCodes), std::end(kTwoDigitCodes), two) != std::end(kTwoDigitCodes)) return 2;
  return std::find(std::begin(kThreeDigitStarts), std::end(kThreeDigitStarts), two) != std::end(kThreeDigitStarts) ? 3 : 0;
}

DigitRange national_digits(std::string_view calling_code) {
  const CountryDigits* found = std::find_if(std::begin(kNationalDigits), std::end(kNationalDigits),
                                            [&](const CountryDigits& entry) { return entry.code == calling_code; });
  return found != std::end(kNationalDigits) ? found->range : DigitRange{6, 12};
}

bool is_turkish_mobile(std::string_view national) {
  if (national.size() != 10 || national[0] != '5') return false;
  return std::string_view("0345").find(national[1]) != std::string_view::npos || national.starts_with("516") ||
         national.starts_with("561") || national.starts_with("592");
}

bool is_turkish_number(std::string_view national) {
  if (national.size() != 10) return false;
  return national[0] == '5' || is_one_of(kTurkishCities, national.substr(0, 3)) ||
         is_one_of(" 800 811 822 850 888 900 ", national.substr(0, 3));
}

bool is_north_american(std::string_view national) {
  return national.size() == 10 && national[0] >= '2' && national[3] >= '2' && national.substr(1, 2) != "11" &&
         national.substr(4, 2) != "11";
}

bool is_british_mobile(std::string_view digits) {
  return digits.size() == 11 && digits.starts_with("07") && digits[2] != '0';
}

bool is_british_number(std::string_view digits) {
  if (digits.size() != 10 && digits.size() != 11) return false;
  return digits[0] == '0' && std::string_view("12378").find(digits[1]) != std::string_view::npos;
}

}  // namespace ayar
