#include "text/values.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <iterator>

namespace ayar {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<uint8_t>(c) >= 0x80;
}

// Small letters of ASCII and of Turkish; İ and I both become i, as in comparing.
std::string folded(std::string_view word) {
  std::string out;
  for (size_t i = 0; i < word.size(); ++i) {
    const std::string_view two = word.substr(i, 2);
    if (two == "İ" || two == "ı") {
      out += 'i';
      ++i;
    } else if (two == "Ş" || two == "Ğ") {
      out += two == "Ş" ? "ş" : "ğ";
      ++i;
    } else if (two == "Ü" || two == "Ö" || two == "Ç") {
      out += {two[0], static_cast<char>(two[1] + 0x20)};
      ++i;
    } else {
      out += word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] | 0x20) : word[i];
    }
  }
  return out;
}

struct Scanner {
  std::string_view text;
  size_t at;

  char peek() const { return at < text.size() ? text[at] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at;
    return true;
  }
  // A number of 1 to `most` digits that no digit follows, or -1.
  int number(size_t most, size_t* digits = nullptr) {
    const size_t begin = at;
    int value = 0;
    while (at < text.size() && is_digit(text[at]) && at - begin < most) value = value * 10 + (text[at++] - '0');
    if (digits != nullptr) *digits = at - begin;
    return at == begin || is_digit(peek()) ? -1 : value;
  }
  std::string_view word() {
    const size_t begin = at;
    while (at < text.size() && is_word(text[at]) && !is_digit(text[at])) ++at;
    return text.substr(begin, at - begin);
  }
};

int month_of(std::string_view word) {
  static constexpr std::array<std::string_view, 12> kEnglish = {"january", "february", "march",     "april",   "may",      "june",
                                                                "july",    "august",   "september", "october", "november", "december"};
  static constexpr std::array<std::string_view, 12> kTurkish = {"ocak",   "şubat",   "mart",  "nisan", "mayis", "haziran",
                                                                "temmuz", "ağustos", "eylül", "ekim",  "kasim", "aralik"};
  if (word.size() < 3 || word.size() > 12) return 0;
  const std::string name = folded(word);
  for (size_t month = 0; month < 12; ++month) {
    if (name == kEnglish[month] || name == kTurkish[month] || (name.size() == 3 && kEnglish[month].starts_with(name))) {
      return static_cast<int>(month) + 1;
    }
  }
  return 0;
}

bool is_date(int year, int month, int day) {
  constexpr int kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1000 || month < 1 || month > 12 || day < 1 || day > kDays[month - 1]) return false;
  return month != 2 || day < 29 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

struct Date {
  int year = 0, month = 0, day = 0;
};

// The date that `at` begins; moves behind it. day stays 0 where there is none, or where two readings are possible.
Date read_date(Scanner& scan, size_t& doubtful) {
  size_t digits = 0;
  if (!is_digit(scan.peek())) {  // March 12, 2024
    const int month = month_of(scan.word());
    if (month == 0 || !scan.take(' ')) return {};
    const int day = scan.number(2);
    if (!scan.take(',') || !scan.take(' ')) return {};
    const int year = scan.number(4, &digits);
    return digits == 4 && is_date(year, month, day) ? Date{year, month, day} : Date{};
  }
  const int first = scan.number(4, &digits);
  if (digits == 4) {  // 2024/3/5
    const char mark = scan.peek();
    if (mark != '-' && mark != '/' && mark != '.') return {};
    ++scan.at;
    const int month = scan.number(2);
    if (!scan.take(mark)) return {};
    const int day = scan.number(2);
    return is_date(first, month, day) ? Date{first, month, day} : Date{};
  }
  if (digits == 0 || digits > 2) return {};
  if (scan.take(' ')) {  // 12 March 2024
    const int month = month_of(scan.word());
    if (month == 0 || !scan.take(' ')) return {};
    const int year = scan.number(4, &digits);
    return digits == 4 && is_date(year, month, first) ? Date{year, month, first} : Date{};
  }
  const char mark = scan.peek();
  if (mark != '-' && mark != '/' && mark != '.') return {};
  ++scan.at;
  const int second = scan.number(2);
  if (!scan.take(mark)) return {};
  const int year = scan.number(4, &digits);
  if (digits != 4) return {};
  const bool day_first = is_date(year, second, first), month_first = mark != '.' && is_date(year, first, second);
  if (day_first && month_first && first != second) {  // 03/04/2024
    ++doubtful;
    return {};
  }
  if (day_first) return {year, second, first};
  return month_first ? Date{year, first, second} : Date{};
}

// Calls body(at) at each start of a number or word; it returns the end of what it took, or `at`.
template <class Body>
void at_each_word(std::string_view text, const Body& body) {
  for (size_t at = 0; at < text.size();) {
    const bool starts =
        is_word(text[at]) &&
        (at == 0 || (!is_word(text[at - 1]) && text[at - 1] != '.' && text[at - 1] != ',' && text[at - 1] != '-' && text[at - 1] != '/'));
    const size_t end = starts ? body(at) : at;
    if (end > at) {
      at = end;
      continue;
    }
    ++at;
    if (starts) {
      while (at < text.size() && is_word(text[at])) ++at;
    }
  }
}

bool goes_on(std::string_view text, size_t at) {  // a digit or letter, or a mark and a digit
  if (at >= text.size()) return false;
  if (is_word(text[at])) return true;
  return (text[at] == '.' || text[at] == ',' || text[at] == '-' || text[at] == '/') && at + 1 < text.size() && is_digit(text[at + 1]);
}

// The number at `at`, with its separators out and a point before its decimals; empty where it is plain, or can be read in two ways.
std::string read_number(std::string_view text, size_t at, size_t& end) {
  std::string whole;
  char group = 0;
  size_t groups = 0;
  end = at;
  while (end < text.size() && is_digit(text[end])) whole += text[end++];
  if (whole.empty() || whole.size() > 3 || whole[0] == '0') return {};
  while (end + 3 < text.size() && (text[end] == '.' || text[end] == ',') && (group == 0 || text[end] == group) && is_digit(text[end + 1]) &&
         is_digit(text[end + 2]) && is_digit(text[end + 3]) && (end + 4 == text.size() || !is_digit(text[end + 4]))) {
    group = text[end];
    whole += text.substr(end + 1, 3);
    end += 4;
    ++groups;
  }
  const char decimal = group == '.' ? ',' : '.';
  if (groups == 0) return {};
  if (end + 1 < text.size() && text[end] == decimal && is_digit(text[end + 1])) {
    whole += '.';
    ++end;
    while (end < text.size() && is_digit(text[end])) whole += text[end++];
    return goes_on(text, end) ? std::string{} : whole;
  }
  return groups < 2 || goes_on(text, end) ? std::string{} : whole;
}

struct Unit {
  std::string_view name, plain;
};
constexpr Unit kUnits[] = {
    {"kg", "kg"},         {"kilo", "kg"},       {"kilogram", "kg"}, {"kilograms", "kg"}, {"g", "g"},          {"gr", "g"},
    {"gram", "g"},        {"grams", "g"},       {"mg", "mg"},       {"km", "km"},        {"kilometre", "km"}, {"kilometer", "km"},
    {"kilometers", "km"}, {"kilometres", "km"}, {"cm", "cm"},       {"mm", "mm"},        {"metre", "m"},      {"meter", "m"},
    {"metres", "m"},      {"meters", "m"},      {"m", "m"},         {"lt", "L"},         {"l", "L"},          {"litre", "L"},
    {"liter", "L"},       {"litres", "L"},      {"liters", "L"},    {"ml", "mL"},        {"tl", "TL"},        {"lira", "TL"},
    {"₺", "TL"},          {"gb", "GB"},         {"mb", "MB"},       {"kb", "kB"},        {"tb", "TB"},        {"°c", "°C"},
    {"dk", "min"},        {"dakika", "min"},    {"min", "min"},     {"minutes", "min"},  {"minute", "min"},   {"saat", "h"},
    {"hours", "h"},       {"hour", "h"},        {"saniye", "s"},    {"seconds", "s"},    {"second", "s"},
};

}  // namespace

bool iso_dates(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  at_each_word(text, [&](size_t at) {
    Scanner scan{text, at};
    const Date date = read_date(scan, tally.doubtful);
    if (date.day == 0 || goes_on(text, scan.at)) return at;
    char written[32];
    const int length = std::snprintf(written, sizeof written, "%04d-%02d-%02d", date.year, date.month, date.day);
    rewrite.replace(at, scan.at, {written, static_cast<size_t>(length)});
    return scan.at;
  });
  return rewrite.finish();
}

bool plain_numbers(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  at_each_word(text, [&](size_t at) {
    size_t end = at;
    const std::string number = read_number(text, at, end);
    if (number.empty()) return at;
    rewrite.replace(at, end, number);
    return end;
  });
  return rewrite.finish();
}

bool plain_units(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  constexpr std::string_view kLira = "₺";
  at_each_word(text, [&](size_t at) {
    const size_t number = text.substr(at).starts_with(kLira) ? at + kLira.size() : at;
    size_t end = number;
    while (end < text.size() && (is_digit(text[end]) || ((text[end] == '.' || text[end] == ',') && end > number && end + 1 < text.size() &&
                                                         is_digit(text[end + 1])))) {
      ++end;
    }
    if (end == number) return at;
    const std::string_view digits = text.substr(number, end - number);
    if (number > at) {
      if (goes_on(text, end)) return at;
      rewrite.replace(at, end, std::string(digits) + " TL");
      return end;
    }
    Scanner scan{text, end};
    scan.take(' ');
    const std::string_view word = scan.word();
    if (word.empty() || word.size() > 12 || goes_on(text, scan.at)) return at;
    const std::string name = folded(word);
    const Unit* const unit = std::find_if(std::begin(kUnits), std::end(kUnits), [&name](const Unit& known) { return known.name == name; });
    if (unit == std::end(kUnits) || (word.size() == 1 && word != unit->name)) return at;  // 5 M and 3 G are other things
    rewrite.replace(end, scan.at, ' ' + std::string(unit->plain));
    return scan.at;
  });
  return rewrite.finish();
}

bool plain_booleans(std::string_view text, std::string& out, Tally& tally) {
  constexpr std::string_view kTrue[] = {"yes", "true", "evet", "doğru"}, kFalse[] = {"no", "false", "hayir", "yanliş"};
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return false;
  const size_t end = text.find_last_not_of(kBlank) + 1;
  if (end - begin > 10) return false;
  const std::string word = folded(text.substr(begin, end - begin));
  const bool is_true = std::find(std::begin(kTrue), std::end(kTrue), word) != std::end(kTrue);
  if (!is_true && std::find(std::begin(kFalse), std::end(kFalse), word) == std::end(kFalse)) return false;
  Rewrite rewrite(text, out, tally);
  rewrite.replace(begin, end, is_true ? "true" : "false");
  return rewrite.finish();
}

}  // namespace ayar
