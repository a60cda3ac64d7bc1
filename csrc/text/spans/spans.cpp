#include "text/spans/spans.hpp"

#include <algorithm>
#include <map>

#include "text/spans/recognizers.hpp"

namespace ayar {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<Span> run() {
    scan_marks();
    scan_groups();
    return without_overlaps();
  }

 private:
  // One look at each byte: gathers the groups of digits, and asks whoever knows the mark that stands there.
  void scan_marks() {
    for (size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (is_digit(c)) {
        const size_t begin = i;
        while (i + 1 < text_.size() && is_digit(text_[i + 1])) ++i;
        const Gap gap = groups_.empty() ? Gap::far : gap_between(text_, groups_.back().end, begin);
        groups_.push_back({begin, i + 1, gap});
      } else if (c == '@') {
        if (user_end_ == 0 || i > user_end_) add(email_at(text_, i));  // not password@host
      } else if (c == ':') {
        if (text_.substr(i, 3) == "://") {
          add_new(url_user_after, i, user_end_);
        } else {
          add_new(ipv6_around, i, ipv6_end_);
        }
      } else if (c == '=') {
        add_new(url_secret_after, i, secret_end_);
      }
    }
  }

  void scan_groups() {
    for (size_t i = 0; i < groups_.size(); ++i) {
      const size_t size = groups_[i].size();
      if (size >= 2) add(iban_around(text_, groups_[i].begin));
      if (size > 19) continue;
      add(card_from(text_, groups_, i));
      add(tc_id_from(text_, groups_, i));
      add(phone_from(text_, groups_, i));
      add(ipv4_from(text_, groups_, i));
    }
  }

  void add(const std::optional<Span>& span) {
    if (span) found_.push_back(*span);
  }

  // A mark inside the last span of its kind would only find that again, at a cost that grows with its length.
  template <class Recognizer>
  void add_new(const Recognizer& recognizer, size_t at, size_t& known_end) {
    if (at < known_end) return;
    if (const std::optional<Span> span = recognizer(text_, at)) {
      known_end = span->end;
      found_.push_back(*span);
    }
  }

  std::vector<Span> without_overlaps() {
    std::sort(found_.begin(), found_.end(), [](const Span& a, const Span& b) {
      const size_t a_length = a.end - a.begin, b_length = b.end - b.begin;
      if (a_length != b_length) return a_length > b_length;
      return a.kind != b.kind ? a.kind < b.kind : a.begin < b.begin;
    });
    std::map<size_t, Span> kept;  // by begin
    for (const Span& span : found_) {
      const auto behind = kept.lower_bound(span.begin);
      if (behind != kept.end() && behind->second.begin < span.end) continue;
      if (behind != kept.begin() && std::prev(behind)->second.end > span.begin) continue;
      kept.emplace(span.begin, span);
    }
    std::vector<Span> spans;
    spans.reserve(kept.size());
    for (const auto& [begin, span] : kept) spans.push_back(span);
    return spans;
  }

  std::string_view text_;
  Groups groups_;
  std::vector<Span> found_;
  size_t user_end_ = 0, ipv6_end_ = 0, secret_end_ = 0;
};

}  // namespace

std::vector<Span> find_spans(std::string_view text) {
  return Scanner(text).run();
}

BatchSpans find_spans(const TextBatch& texts) {
  constexpr int64_t kPieceBytes = 128 << 10;
  const std::vector<int64_t> starts = texts.pieces(kPieceBytes);
  std::vector<BatchSpans> pieces(starts.size() - 1);
  for_each_piece(starts, [&](int64_t index, int64_t first, int64_t last) {
    BatchSpans& piece = pieces[index];
    for (int64_t row = first; row < last; ++row) {
      for (const Span& span : find_spans(texts[row])) {
        piece.row.push_back(row);
        piece.begin.push_back(static_cast<int32_t>(span.begin));
        piece.end.push_back(static_cast<int32_t>(span.end));
        piece.kind.push_back(static_cast<uint8_t>(span.kind));
      }
    }
  });
  BatchSpans all;
  for (const BatchSpans& piece : pieces) {
    all.row.insert(all.row.end(), piece.row.begin(), piece.row.end());
    all.begin.insert(all.begin.end(), piece.begin.begin(), piece.begin.end());
    all.end.insert(all.end.end(), piece.end.begin(), piece.end.end());
    all.kind.insert(all.kind.end(), piece.kind.begin(), piece.kind.end());
  }
  return all;
}

}  // namespace ayar
