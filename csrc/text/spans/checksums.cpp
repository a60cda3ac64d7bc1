#include "text/spans/checksums.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace ayar {
namespace {

struct CountryLength {
  std::string_view country;
  int length;
};
// The SWIFT IBAN registry.
constexpr CountryLength kIbanLengths[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22}, {"BI", 27},
    {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28},
    {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23},
    {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
    {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21},
    {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28},
    {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22},
    {"RU", 33}, {"SA", 24}, {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
    {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30},
};

// Prefixes of one width from `first` to `last`, and the lengths of the numbers that start so.
struct Issuer {
  int width, first, last, shortest, longest;
};
constexpr Issuer kIssuers[] = {
    {1, 4, 4, 13, 19},        // Visa
    {2, 51, 55, 16, 16},      // Mastercard
    {4, 2221, 2720, 16, 16},  // Mastercard
    {2, 34, 34, 15, 15},      // American Express
    {2, 37, 37, 15, 15},      // American Express
    {4, 9792, 9792, 16, 16},  // Troy
    {2, 65, 65, 16, 19},      // Discover, Troy, RuPay
    {4, 6011, 6011, 16, 19},  // Discover
    {3, 644, 649, 16, 19},    // Discover
    {2, 36, 36, 14, 19},      // Diners Club
    {3, 300, 305, 14, 19},    // Diners Club
    {2, 38, 39, 14, 19},      // Diners Club
    {4, 3528, 3589, 16, 19},  // JCB
    {2, 62, 62, 16, 19},      // UnionPay
    {4, 2200, 2204, 16, 19},  // Mir
    {4, 5018, 5018, 13, 19},  // Maestro
    {4, 5020, 5020, 13, 19},  // Maestro
    {4, 5038, 5038, 13, 19},  // Maestro
    {4, 6304, 6304, 13, 19},  // Maestro
    {4, 6759, 6763, 13, 19},  // Maestro
};

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

}  // namespace

bool luhn_is_valid(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit * 2 - (digit > 4 ? 9 : 0);
    sum += digit;
  }
  return !digits.empty() && sum % 10 == 0;
}

bool tc_id_is_valid(std::string_view digits) {
  if (digits.size() != 11 || digits[0] == '0') return false;
  int odd = 0, even = 0;
  for (int i = 0; i < 9; ++i) (i % 2 == 0 ? odd : even) += digits[i] - '0';
  const int tenth = digits[9] - '0', eleventh = digits[10] - '0';
  return (7 * odd - even + 100) % 10 == tenth && (odd + even + tenth) % 10 == eleventh;
}

bool card_prefix_is_known(std::string_view digits) {
  const int length = static_cast<int>(digits.size());
  return length >= 13 && std::any_of(std::begin(kIssuers), std::end(kIssuers), [&](const Issuer& issuer) {
           const int prefix = number(digits.substr(0, issuer.width));
           return prefix >= issuer.first && prefix <= issuer.last && length >= issuer.shortest && length <= issuer.longest;
         });
}

int iban_length(std::string_view country) {
  const CountryLength* found = std::lower_bound(std::begin(kIbanLengths), std::end(kIbanLengths), country,
                                                [](const CountryLength& entry, std::string_view wanted) { return entry.country < wanted; });
  return found != std::end(kIbanLengths) && found->country == country ? found->length : 0;
}

bool iban_is_valid(std::string_view iban) {
  if (iban.size() < 5 || iban_length(iban.substr(0, 2)) != static_cast<int>(iban.size())) return false;
  uint32_t remainder = 0;
  for (size_t i = 0; i < iban.size(); ++i) {
    const char c = iban[(i + 4) % iban.size()];
    const bool is_digit = c >= '0' && c <= '9';
    remainder = (remainder * (is_digit ? 10 : 100) + static_cast<uint32_t>(is_digit ? c - '0' : c - 'A' + 10)) % 97;
  }
  return remainder == 1;
}

}  // namespace ayar
