#include "text/markdown.hpp"

#include <algorithm>
#include <cctype>

namespace ayar {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<uint8_t>(c) >= 0x80;
}

// One line; its marks go to the Rewrite of the whole text.
class Line {
 public:
  Line(std::string_view text, size_t begin, size_t end, Rewrite& rewrite) : text_(text), begin_(begin), end_(end), rewrite_(rewrite) {}

  void strip() {
    size_t at = begin_;
    while (at < end_ && is_space(text_[at])) ++at;
    if (is_rule(at)) {
      rewrite_.replace(begin_, end_, {});
      return;
    }
    at = strip_prefix(at);
    while (at < end_) at = strip_inline(at);
  }

 private:
  // `---`, `***`, `___`, `===`, a fence, with or without the language behind it.
  bool is_rule(size_t at) const {
    const std::string_view line = text_.substr(at, end_ - at);
    if (line.starts_with("```") || line.starts_with("~~~")) {
      return line.find_first_of(" `~", 3) == std::string_view::npos && line.size() < 24;
    }
    if (line.size() < 3 || std::string_view("-*_=").find(line[0]) == std::string_view::npos) return false;
    return std::all_of(line.begin(), line.end(), [&](char c) { return c == line[0] || is_space(c); }) &&
           std::count(line.begin(), line.end(), line[0]) >= 3;
  }

  // `#` of a heading and `>` of a quotation with the spaces behind them.
  size_t strip_prefix(size_t at) {
    size_t next = at;
    while (next < end_ && text_[next] == '>') {
      ++next;
      while (next < end_ && is_space(text_[next])) ++next;
    }
    size_t marks = next;
    while (marks < end_ && text_[marks] == '#' && marks - next < 7) ++marks;
    if (marks > next && marks - next < 7 && marks < end_ && is_space(text_[marks])) {
      next = marks;
      while (next < end_ && is_space(text_[next])) ++next;
    }
    if (next > at) rewrite_.replace(at, next, {});
    return next;
  }

  size_t strip_inline(size_t at) {
    const size_t mark = std::min(text_.substr(0, end_).find_first_of("*_~`[!", at), end_);
    if (mark >= end_) return end_;
    const char c = text_[mark];
    if (c == '[' || c == '!') return strip_link(mark);
    size_t behind = mark;
    while (behind < end_ && text_[behind] == c) ++behind;
    const size_t count = behind - mark;
    const bool opens = behind < end_ && !is_space(text_[behind]) && (mark == begin_ || !is_word(text_[mark - 1]));
    const bool closes = mark > begin_ && !is_space(text_[mark - 1]) && (behind == end_ || !is_word(text_[behind]));
    const bool is_mark = c == '`' ? count <= 2 : c == '*' ? count <= 3 : count == 2;
    if (!is_mark || !opens) return closes && is_mark && expected_ == mark ? drop(mark, behind) : behind;
    const size_t closing = closing_mark(behind, c, count);
    if (closing == 0) return behind;
    rewrite_.replace(mark, behind, {});
    expected_ = closing;
    return behind;
  }

  size_t drop(size_t mark, size_t behind) {
    rewrite_.replace(mark, behind, {});
    expected_ = 0;
    return behind;
  }

  // Where the same marks close, within a reach that keeps the whole linear; 0: they do not.
  size_t closing_mark(size_t from, char c, size_t count) const {
    const size_t reach = std::min(end_, from + kReach);
    for (size_t at = text_.find(c, from); at < reach; at = text_.find(c, at)) {
      size_t behind = at;
      while (behind < end_ && text_[behind] == c) ++behind;
      const bool closes = !is_space(text_[at - 1]) && (behind == end_ || !is_word(text_[behind]));
      if (behind - at == count && closes && at > from) return at;
      at = behind;
    }
    return 0;
  }

  // `[text](address)`, with `!` before it or not.
  size_t strip_link(size_t at) {
    const size_t open = text_[at] == '!' ? at + 1 : at;
    if (open >= end_ || text_[open] != '[') return at + 1;
    const size_t reach = std::min(end_, open + kReach);
    const size_t close = text_.substr(0, reach).find_first_of("[]", open + 1);
    if (close == std::string_view::npos || text_[close] != ']' || close + 1 >= end_ || text_[close + 1] != '(') return open + 1;
    const size_t finish = text_.substr(0, std::min(end_, close + kReach)).find_first_of(") \t", close + 2);
    size_t behind = finish;
    if (finish != std::string_view::npos && text_[finish] != ')') behind = text_.substr(0, reach).find(')', finish);  // a title
    if (behind == std::string_view::npos) return open + 1;
    rewrite_.replace(at, open + 1, {});
    rewrite_.replace(close, behind + 1, {});
    return behind + 1;
  }

  static constexpr size_t kReach = 512;

  std::string_view text_;
  size_t begin_, end_;
  Rewrite& rewrite_;
  size_t expected_ = 0;  // where the open mark closes
};

}  // namespace

bool strip_markdown(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    Line(text, begin, end, rewrite).strip();
    begin = end + 1;
  }
  return rewrite.finish();
}

}  // namespace ayar
