#include "text/rewrite.hpp"

#include <algorithm>

namespace ayar {

size_t count_characters(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

void Rewrite::replace(size_t begin, size_t end, std::string_view with) {
  const std::string_view was = text_.substr(begin, end - begin);
  if (was == with) return;
  if (!is_changed_) {
    is_changed_ = true;
    out_.clear();
    out_.reserve(text_.size());
    if (tally_.edits != nullptr) tally_.edits->clear();
  }
  out_.append(text_, copied_, begin - copied_);
  tally_.characters += std::max(count_characters(was), count_characters(with));
  if (tally_.edits != nullptr) tally_.edits->push_back({begin, end, out_.size(), out_.size() + with.size()});
  out_ += with;
  copied_ = end;
}

bool Rewrite::finish() {
  if (is_changed_) out_.append(text_, copied_);
  return is_changed_;
}

Edits compose(const Edits& first, const Edits& second) {
  // Both lists are walked along the text between them: `first` produced it, `second` consumed it.
  Edits result;
  size_t i = 0, j = 0;
  long long shift_back = 0, shift_on = 0;  // from the middle text to the original, and to the result
  while (i < first.size() || j < second.size()) {
    // One cluster: edits whose ranges in the middle text touch.
    const bool takes_first = j == second.size() || (i < first.size() && first[i].new_begin <= second[j].begin);
    const size_t begin = takes_first ? first[i].new_begin : second[j].begin;
    size_t end = begin;
    const auto original_begin = static_cast<size_t>(static_cast<long long>(begin) + shift_back);
    const auto result_begin = static_cast<size_t>(static_cast<long long>(begin) + shift_on);
    for (;;) {
      if (i < first.size() && first[i].new_begin <= end) {
        end = std::max(end, first[i].new_end);
        shift_back = static_cast<long long>(first[i].end) - static_cast<long long>(first[i].new_end);
        ++i;
      } else if (j < second.size() && second[j].begin <= end) {
        end = std::max(end, second[j].end);
        shift_on = static_cast<long long>(second[j].new_end) - static_cast<long long>(second[j].end);
        ++j;
      } else {
        break;
      }
    }
    result.push_back({original_begin, static_cast<size_t>(static_cast<long long>(end) + shift_back), result_begin,
                      static_cast<size_t>(static_cast<long long>(end) + shift_on)});
  }
  return result;
}

Range original_range(const Edits& edits, size_t begin, size_t end) {
  const auto behind = [&edits](size_t at) {  // the first edit that ends behind `at`
    return std::upper_bound(edits.begin(), edits.end(), at, [](size_t value, const Edit& edit) { return value < edit.new_end; });
  };
  const auto shifted = [&edits](auto next, size_t at) {
    return next == edits.begin() ? at : at - std::prev(next)->new_end + std::prev(next)->end;
  };
  const auto first = behind(begin);
  const size_t original_begin = first != edits.end() && first->new_begin <= begin ? first->begin : shifted(first, begin);
  if (end <= begin) return {original_begin, original_begin};
  const auto last = behind(end - 1);
  const size_t original_end = last != edits.end() && last->new_begin < end ? last->end : shifted(last, end);
  return {original_begin, original_end};
}

}  // namespace ayar
