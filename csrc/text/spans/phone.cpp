// Telephone numbers. No checksum proves one, so the way it is written must: a +, a leading 0, the grouping of its country.
#include <algorithm>

#include "text/spans/phone_plans.hpp"
#include "text/spans/recognizers.hpp"

namespace ayar {
namespace {

// Digits gathered from group i on, with the sizes of the groups as one character each: "4322" is 0532 123 45 67, ':' is ten digits.
class Written {
 public:
  Written(std::string_view text, const Groups& groups, size_t first) : text_(text), groups_(groups), first_(first) {}

  // Adds the next group; false where there is none, a gap ends the number, or it would be longer than any.
  bool grow() {
    const size_t next = first_ + count_;
    if (next == groups_.size() || (count_ > 0 && groups_[next].gap == Gap::far)) return false;
    const DigitGroup& group = groups_[next];
    if (digits_count_ + group.size() > sizeof digits_ || count_ == sizeof sizes_) return false;
    const bool is_trunk_zero = count_ > 0 && group.size() == 1 && text_[group.begin] == '0' && text_[group.begin - 1] == '(' &&
                               group.end < text_.size() && text_[group.end] == ')';
    sizes_[count_++] = static_cast<char>('0' + group.size());
    if (is_trunk_zero && count_ == 2) return true;  // +44 (0)20: not dialled from abroad
    for (size_t i = group.begin; i < group.end; ++i) digits_[digits_count_++] = text_[i];
    return true;
  }

  std::string_view digits() const { return {digits_, digits_count_}; }
  std::string_view sizes() const { return {sizes_, count_}; }
  size_t end() const { return groups_[first_ + count_ - 1].end; }
  bool is_single() const { return count_ == 1; }
  bool last_is_single_digit() const { return sizes_[count_ - 1] == '1'; }

  // Whether more digits follow so closely that this is part of a longer number.
  bool goes_on() const {
    const size_t next = first_ + count_;
    if (touches_word_after(text_, end())) return true;
    return next < groups_.size() && (groups_[next].gap == Gap::dash || groups_[next].gap == Gap::dot || groups_[next].gap == Gap::slash);
  }

  bool has_gap(Gap gap) const {
    for (size_t i = 1; i < count_; ++i) {
      if (groups_[first_ + i].gap == gap) return true;
    }
    return false;
  }

 private:
  std::string_view text_;
  const Groups& groups_;
  size_t first_, count_ = 0, digits_count_ = 0;
  char digits_[18];
  char sizes_[12];
};

bool is_any_of(std::string_view sizes, std::initializer_list<std::string_view> forms) {
  return std::find(forms.begin(), forms.end(), sizes) != forms.end();
}

bool contains_word(std::string_view lower, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return lower.find(word) != std::string_view::npos; });
}

// Ten bare digits are a telephone number only where the words before them do not call them something else.
bool is_called_otherwise(std::string_view text, size_t begin) {
  constexpr size_t kReach = 32;
  char lower[kReach];
  const size_t start = begin > kReach ? begin - kReach : 0;
  std::transform(text.begin() + start, text.begin() + begin, lower,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  std::string_view before(lower, begin - start);
  if (const size_t line = before.rfind('\n'); line != std::string_view::npos) before.remove_prefix(line + 1);
  if (contains_word(before, {"tel", "gsm", "cep", "phone", "mobil", "whatsapp", "call", "arayın", "arayin", "ulaş"})) return false;
  return contains_word(
      before, {"sipari", "order", "takip",   "track", "fatura", "invoice", "kargo",  "ref",   "kod", "code", "#",   "seri", "serial",
               "ürün",   "hesap", "account", "vergi", "vkn",    "müşteri", "ticket", "talep", "no:", "no.",  "no ", "id"});
}

// The country's number behind + or 00: the longest that its lengths allow; a lone last digit is left out where it need not be there.
std::optional<size_t> international_end(Written written, size_t access_digits) {
  std::optional<size_t> end;
  while (written.grow()) {
    if (written.digits().size() < access_digits + 4) continue;
    const std::string_view digits = written.digits().substr(access_digits);
    const int code = calling_code_length(digits);
    if (code == 0) return std::nullopt;
    const DigitRange range = national_digits(digits.substr(0, code));
    const int national = static_cast<int>(digits.size()) - code;
    if (national > range.longest) break;
    if (national < range.shortest || written.goes_on()) continue;
    const std::string_view number = digits.substr(code);
    if (digits.starts_with("90") && !is_turkish_number(number)) continue;
    if (digits.starts_with("1") && !is_north_american(number)) continue;
    if (end && written.last_is_single_digit()) continue;
    end = written.end();
  }
  return end;
}

bool is_turkish_form(const Written& written, std::string_view text, size_t begin, bool is_in_parentheses) {
  const std::string_view digits = written.digits(), sizes = written.sizes();
  if (digits.size() == 11 && digits[0] == '0') {
    const std::string_view national = digits.substr(1);
    if (!is_turkish_number(national)) return false;
    if (written.is_single()) return true;
    return is_any_of(sizes, {"4322", "434", "47", "4232", "4223", "443", "452", "425", "4313", "13322", "1334", "137", "1:"});
  }
  if (digits.size() == 10) {
    if (written.is_single()) return is_turkish_mobile(digits) && !is_called_otherwise(text, begin);
    if (!is_turkish_number(digits) || !is_any_of(sizes, {"3322", "334", "37", "3232", "3223", "343", "3313"})) return false;
    return digits[0] == '5' || is_in_parentheses || sizes == "3322";
  }
  return digits.size() == 7 && digits.starts_with("444") && is_any_of(sizes, {"313", "322", "34"});
}

bool is_british_form(const Written& written) {
  const std::string_view digits = written.digits(), sizes = written.sizes();
  if (!is_british_number(digits)) return false;
  if (written.is_single()) return is_british_mobile(digits);
  return is_any_of(sizes, {"56", "533", "344", "434", "443", "47", "38", "5222", "55", "524"});
}

bool is_north_american_form(const Written& written, bool is_in_parentheses) {
  std::string_view digits = written.digits(), sizes = written.sizes();
  if (digits.size() == 11 && digits[0] == '1' && sizes.starts_with('1')) {
    digits.remove_prefix(1);
    sizes.remove_prefix(1);
  }
  if (!is_north_american(digits)) return false;
  return sizes == "334" || (is_in_parentheses && sizes == "37");
}

// A parenthesis that opens before the number belongs to it only where it also closes within.
Span phone_span(std::string_view text, size_t begin, size_t end) {
  const std::string_view number = text.substr(begin, end - begin);
  const auto opened = std::count(number.begin(), number.end(), '('), closed = std::count(number.begin(), number.end(), ')');
  return {number[0] == '(' && opened > closed ? begin + 1 : begin, end, SpanKind::phone};
}

}  // namespace

std::optional<Span> phone_from(std::string_view text, const Groups& groups, size_t i) {
  const DigitGroup& first = groups[i];
  const auto preceded_by = [&](size_t at, char c) { return at > 0 && text[at - 1] == c; };
  const bool is_in_parentheses = preceded_by(first.begin, '(');
  size_t begin = first.begin;
  bool has_plus = false;
  if (preceded_by(begin, '(')) --begin;
  if (preceded_by(begin, '+')) {
    has_plus = true;
    --begin;
    if (preceded_by(begin, '(')) --begin;
  } else if (begin >= 2 && text[begin - 1] == ' ' && text[begin - 2] == '+') {
    has_plus = true;
    begin -= 2;
  }
  if (touches_word_before(text, begin)) return std::nullopt;
  if (!has_plus && (first.gap == Gap::dash || first.gap == Gap::dot || first.gap == Gap::slash)) return std::nullopt;
  if (!has_plus && begin >= 2 && text[begin - 1] == ',' && is_digit(text[begin - 2])) return std::nullopt;

  const bool has_access_code = text.substr(first.begin, first.size()).starts_with("00");
  if (has_plus || has_access_code) {
    const std::optional<size_t> end = international_end(Written(text, groups, i), has_plus ? 0 : 2);
    if (end) return phone_span(text, begin, *end);
    return std::nullopt;
  }
  std::optional<Span> best;
  Written written(text, groups, i);
  while (written.grow() && written.digits().size() <= 11) {
    if (written.goes_on()) continue;
    if (is_turkish_form(written, text, first.begin, is_in_parentheses) || is_british_form(written) ||
        is_north_american_form(written, is_in_parentheses)) {
      best = phone_span(text, begin, written.end());
    }
  }
  return best;
}

}  // namespace ayar
