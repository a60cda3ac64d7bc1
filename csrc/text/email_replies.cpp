#include "text/email_replies.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

namespace ayar {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool starts_with(std::string_view text, std::string_view lower_prefix) {
  return text.size() >= lower_prefix.size() &&
         std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(), [](char a, char b) { return a == lower(b); });
}

bool ends_with(std::string_view text, std::string_view lower_suffix) {
  return text.size() >= lower_suffix.size() && starts_with(text.substr(text.size() - lower_suffix.size()), lower_suffix);
}

bool starts_with_one_of(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [text](std::string_view prefix) { return starts_with(text, prefix); });
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r*";
  const size_t first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

enum class Kind { blank, quoted, wrote, separator, from, field, telephone, dashes, other };

Kind kind_of_line(std::string_view raw) {
  if (raw == "--" || raw == "-- " || raw == "-- \r" || raw == "--\r") return Kind::dashes;
  const std::string_view line = trimmed(raw);
  if (line.empty()) return Kind::blank;
  if (line[0] == '>') return Kind::quoted;
  if (line.size() > 300) return Kind::other;
  for (const std::string_view ending : {"wrote:", "yazdı:", "schrieb:", "a écrit :", "a écrit:", "escribió:", "escreveu:", "skrev:"}) {
    if (ends_with(line, ending)) return Kind::wrote;
  }
  const std::string_view dashed = line.substr(std::min(line.find_first_not_of("- _"), line.size()));
  if (line[0] == '-' && starts_with_one_of(dashed, {"original message", "forwarded message", "orijinal mesaj", "özgün ileti",
                                                    "ursprüngliche nachricht", "message d'origine"})) {
    return Kind::separator;
  }
  if (starts_with_one_of(line, {"from:", "kimden:", "gönderen:", "von:"})) return Kind::from;
  if (starts_with_one_of(line, {"sent:", "date:", "to:", "cc:", "subject:", "gönderildi:", "gönderme tarihi:", "tarih:", "kime:", "bilgi:",
                                "konu:", "gesendet:", "an:", "betreff:", "datum:"})) {
    return Kind::field;
  }
  if (line.size() < 80 && (starts_with_one_of(line, {"sent from my ", "sent via ", "get outlook for ", "von meinem "}) ||
                           ends_with(line, "'umdan gönderildi") || ends_with(line, "’umdan gönderildi") ||
                           ends_with(line, "'dan gönderildi") || ends_with(line, "'den gönderildi"))) {
    return Kind::telephone;
  }
  return Kind::other;
}

struct Line {
  size_t begin, end;  // without the line end
  Kind kind;
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back({begin, end, kind_of_line(text.substr(begin, end - begin))});
    begin = end + 1;
  }
  return lines;
}

class Mail {
 public:
  explicit Mail(std::string_view text) : lines_(lines_of(text)) {}

  // The lines [first, last) that go, or an empty range.
  std::pair<size_t, size_t> trail() const {
    bool has_text = false;
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (has_text) {
        if (const size_t behind = trail_end(i); behind > i) return {i, behind};
      }
      has_text = has_text || lines_[i].kind == Kind::other;
    }
    return {0, 0};
  }

  const Line& operator[](size_t i) const { return lines_[i]; }
  size_t size() const { return lines_.size(); }

 private:
  size_t skip(size_t i, std::initializer_list<Kind> kinds) const {
    while (i < lines_.size() && std::find(kinds.begin(), kinds.end(), lines_[i].kind) != kinds.end()) ++i;
    return i;
  }

  size_t trail_end(size_t i) const {
    switch (lines_[i].kind) {
      case Kind::wrote: {
        const size_t quoted = skip(i + 1, {Kind::blank});
        if (quoted == lines_.size() || lines_[quoted].kind != Kind::quoted) return i;
        size_t behind = skip(quoted, {Kind::blank, Kind::quoted});
        while (behind < lines_.size() && lines_[behind - 1].kind == Kind::blank) --behind;  // text that goes on keeps its distance
        return behind;
      }
      case Kind::separator: {
        const size_t head = skip(i + 1, {Kind::blank});
        return head < lines_.size() && (lines_[head].kind == Kind::from || lines_[head].kind == Kind::field) ? lines_.size() : i;
      }
      case Kind::from: {
        size_t fields = 0;
        while (i + fields < lines_.size() && (lines_[i + fields].kind == Kind::from || lines_[i + fields].kind == Kind::field)) ++fields;
        return fields >= 3 ? lines_.size() : i;
      }
      case Kind::dashes: return is_signature(i) ? lines_.size() : i;
      case Kind::telephone: return skip(i, {Kind::telephone, Kind::blank}) == lines_.size() ? lines_.size() : i;
      default: return i;
    }
  }

  // A few short lines up to the end.
  bool is_signature(size_t dashes) const {
    constexpr size_t kMostLines = 10, kLongest = 100;
    if (lines_.size() - dashes > kMostLines) return false;
    return std::all_of(lines_.begin() + static_cast<long>(dashes), lines_.end(),
                       [](const Line& line) { return line.end - line.begin <= kLongest; });
  }

  std::vector<Line> lines_;
};

}  // namespace

bool cut_replies(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  const Mail mail(text);
  const auto [first, last] = mail.trail();
  if (first == last) return false;
  const size_t begin = mail[first].begin;
  const size_t end = last < mail.size() ? mail[last].begin : text.size();
  // The line end before goes too where nothing follows.
  rewrite.replace(last < mail.size() ? begin : begin - 1, end, {});
  return rewrite.finish();
}

}  // namespace ayar
