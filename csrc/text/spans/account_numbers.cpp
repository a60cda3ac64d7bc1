// Payment cards, Turkish identity numbers and IBANs: a grouping that people write, then the checksum.
#include <algorithm>
#include <initializer_list>

#include "text/spans/checksums.hpp"
#include "text/spans/recognizers.hpp"

namespace ayar {
namespace {

// A number of at most 19 digits: the digits of groups [first, last), and their sizes.
struct Number {
  char digits[19];
  size_t count = 0;
  size_t sizes[8];
  size_t groups = 0;

  std::string_view text() const { return {digits, count}; }
  bool is_grouped(std::initializer_list<size_t> wanted) const { return std::equal(sizes, sizes + groups, wanted.begin(), wanted.end()); }
  bool is_in_fours() const {
    return groups >= 4 && std::all_of(sizes, sizes + groups - 1, [](size_t size) { return size == 4; }) && sizes[groups - 1] <= 4;
  }
  bool add(std::string_view text, const DigitGroup& group) {
    if (groups == std::size(sizes) || count + group.size() > sizeof digits) return false;
    sizes[groups++] = group.size();
    for (size_t i = group.begin; i < group.end; ++i) digits[count++] = text[i];
    return true;
  }
};

bool is_account_gap(Gap gap) {
  return gap == Gap::space || gap == Gap::dash || gap == Gap::dot;
}

// No letter touches the number, and it is not the fraction or the whole part of a decimal one.
bool stands_alone(std::string_view text, size_t begin, size_t end) {
  if (touches_word_before(text, begin) || touches_word_after(text, end)) return false;
  const auto is_point = [](char c) { return c == '.' || c == ','; };
  if (begin >= 2 && is_point(text[begin - 1]) && is_digit(text[begin - 2])) return false;
  return !(end + 1 < text.size() && is_point(text[end]) && is_digit(text[end + 1]));
}

// Grows a number from group i, one group at a time with the same gap between all, and takes the longest that is accepted.
template <class Accepts>
std::optional<Span> longest_number(std::string_view text, const Groups& groups, size_t i, SpanKind kind, const Accepts& accepts) {
  Number number;
  std::optional<Span> best;
  for (size_t j = i; j < groups.size(); ++j) {
    if (j > i && (!is_account_gap(groups[j].gap) || groups[j].gap != groups[i + 1].gap)) break;
    if (!number.add(text, groups[j])) break;
    if (accepts(number) && stands_alone(text, groups[i].begin, groups[j].end)) best = Span{groups[i].begin, groups[j].end, kind};
  }
  return best;
}

}  // namespace

std::optional<Span> card_from(std::string_view text, const Groups& groups, size_t i) {
  return longest_number(text, groups, i, SpanKind::card, [](const Number& number) {
    const bool is_printed_so = number.groups == 1 || number.is_in_fours() || number.is_grouped({4, 6, 5}) || number.is_grouped({4, 6, 4}) ||
                               number.is_grouped({8, 8}) || number.is_grouped({4, 12}) || number.is_grouped({4, 4, 8}) ||
                               number.is_grouped({6, 10}) || number.is_grouped({6, 13}) || number.is_grouped({4, 5, 6});
    return is_printed_so && card_prefix_is_known(number.text()) && luhn_is_valid(number.text());
  });
}

std::optional<Span> tc_id_from(std::string_view text, const Groups& groups, size_t i) {
  return longest_number(text, groups, i, SpanKind::tc_id, [](const Number& number) {
    const bool is_written_so = number.groups == 1 || number.is_grouped({3, 3, 3, 2}) || number.is_grouped({4, 4, 3}) ||
                               number.is_grouped({3, 4, 4}) || number.is_grouped({5, 6}) || number.is_grouped({6, 5}) ||
                               number.is_grouped({3, 3, 5}) || number.is_grouped({2, 3, 3, 3});
    return is_written_so && tc_id_is_valid(number.text());
  });
}

std::optional<Span> iban_around(std::string_view text, size_t at) {
  if (at < 2) return std::nullopt;
  size_t begin = at - 2;
  if (at >= 3 && space_length(text, at - 1) == 1) begin = at - 3;  // "TR 33 0006 ..."
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  char iban[34];
  size_t count = 0;
  for (const size_t i : {begin, begin + 1}) {
    if (!is_alphanumeric(text[i]) || is_digit(text[i])) return std::nullopt;
    iban[count++] = upper(text[i]);
  }
  const size_t length = static_cast<size_t>(iban_length({iban, 2}));
  if (length == 0 || touches_word_before(text, begin)) return std::nullopt;
  size_t i = at;
  while (count < length && i < text.size()) {
    if (is_alphanumeric(text[i])) {
      iban[count++] = upper(text[i++]);
      continue;
    }
    size_t gap = space_length(text, i) + dash_length(text, i);
    if (gap == 0 && text[i] == '.') gap = 1;
    if (gap == 0) return std::nullopt;
    i += gap;
    if (i >= text.size() || !is_alphanumeric(text[i])) return std::nullopt;
  }
  if (count < length || touches_word_after(text, i) || !iban_is_valid({iban, count})) return std::nullopt;
  return Span{begin, i, SpanKind::iban};
}

}  // namespace ayar
