#include "text/html_entities.hpp"

#include <algorithm>
#include <cstdint>

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

struct HtmlEntity {
  std::string_view name;
  char32_t codes[2];  // the second is 0 for most
};
#include "text/tables/html_entities.inc"

constexpr size_t kLongestReference = 40;  // the longest name has 32 bytes; digits beyond this are no reference that anybody writes

struct Reference {
  size_t length = 0;  // bytes after the `&`; 0: not a reference
  char32_t codes[2] = {0, 0};
};

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Windows-1252's image of 80 to 9F, which WHATWG gives to numeric references; what it leaves undefined keeps its number.
constexpr char32_t kWindows1252[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
                                       0x2039, 0x152,  0x8D,   0x17D,  0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
                                       0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};

char32_t numeric_code(uint32_t number) {
  if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number < 0xE000)) return utf8::kReplacement;
  if (number >= 0x80 && number < 0xA0) return kWindows1252[number - 0x80];
  // Their canonical equivalents are ASCII: written so at once, they cannot complete another reference later.
  if (number == 0x37E) return ';';
  if (number == 0x1FEF) return '`';
  if (number == 0x212A) return 'K';
  return number;
}

// `rest` follows "&#".
Reference numeric_reference(std::string_view rest) {
  const bool is_hex = !rest.empty() && (rest[0] | 0x20) == 'x';
  size_t i = is_hex ? 1 : 0;
  const size_t first_digit = i;
  uint32_t number = 0;
  for (; i < rest.size(); ++i) {
    const char c = rest[i];
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (is_hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f') digit = (c | 0x20) - 'a' + 10;
    if (digit < 0) break;
    number = std::min<uint32_t>(number * (is_hex ? 16 : 10) + digit, 0x110000);
  }
  if (i == first_digit || i >= kLongestReference - 2) return {};
  if (i < rest.size() && rest[i] == ';') ++i;
  return {i + 1, {numeric_code(number), 0}};
}

const HtmlEntity* find_entity(std::string_view name) {
  const HtmlEntity* first = kHtmlEntities + kFirstOfLetter[name[0] - 'A'];
  const HtmlEntity* last = kHtmlEntities + kFirstOfLetter[name[0] - 'A' + 1];
  const HtmlEntity* found =
      std::lower_bound(first, last, name, [](const HtmlEntity& e, std::string_view wanted) { return e.name < wanted; });
  return found != last && found->name == name ? found : nullptr;
}

Reference named_reference(std::string_view rest) {
  if (rest.empty() || !((rest[0] >= 'A' && rest[0] <= 'Z') || (rest[0] >= 'a' && rest[0] <= 'z'))) return {};
  size_t length = 0;
  while (length < rest.size() && length < kLongestReference && is_alphanumeric(rest[length])) ++length;
  const bool closed = length < rest.size() && rest[length] == ';';
  if (!closed && length < rest.size() && (rest[length] == '=' || is_alphanumeric(rest[length]))) return {};
  const std::string_view name = rest.substr(0, length + (closed ? 1 : 0));
  if (const HtmlEntity* found = find_entity(name)) return {name.size(), {found->codes[0], found->codes[1]}};
  // Whole texts were put in capitals, their references too: &EACUTE; is &Eacute;, &SUP3; is &sup3;.
  if (!closed || name.size() < 5 || std::any_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; })) return {};
  char small[kLongestReference + 1];
  std::transform(name.begin(), name.end(), small, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  const char first = small[0];
  for (const char initial : {name[0], first}) {
    small[0] = initial;
    if (const HtmlEntity* found = find_entity({small, name.size()})) return {name.size(), {found->codes[0], found->codes[1]}};
  }
  return {};
}

Reference reference_after(std::string_view rest) {
  if (!rest.empty() && rest[0] == '#') return numeric_reference(rest.substr(1, kLongestReference));
  return named_reference(rest);
}

// Text still to be read: what was taken back from the output, then the rest of the input.
class Source {
 public:
  explicit Source(std::string_view text) : text_(text) {}
  bool empty() const { return back_.empty() && position_ == text_.size(); }
  // Up to the longest reference and one byte more, as one piece.
  std::string_view peek() {
    constexpr size_t wanted = kLongestReference + 2;
    if (back_.empty()) return text_.substr(position_, wanted);
    window_.assign(back_.rbegin(), back_.rbegin() + std::min(back_.size(), wanted));
    window_ += text_.substr(position_, wanted - window_.size());
    return window_;
  }
  char front() const { return back_.empty() ? text_[position_] : back_.back(); }
  void skip(size_t count) {
    const size_t from_back = std::min(count, back_.size());
    back_.resize(back_.size() - from_back);
    position_ += count - from_back;
  }
  // Copies up to the next `&` that is not taken back text.
  void copy_plain(std::string& out) {
    const size_t next = std::min(text_.find('&', position_), text_.size());
    out += text_.substr(position_, next - position_);
    position_ = next;
  }
  bool at_input() const { return back_.empty(); }
  size_t position() const { return position_; }
  void take_back(std::string& out, size_t from) {
    back_.append(out.rbegin(), out.rbegin() + (out.size() - from));
    out.resize(from);
  }

 private:
  std::string_view text_;
  size_t position_ = 0;
  std::string back_;  // reversed
  std::string window_;
};

// Decoding may have completed a reference that starts earlier in the output: the earliest `&` that could reach this far.
size_t earliest_open(const std::string& out) {
  const size_t floor = out.size() > kLongestReference + 2 ? out.size() - (kLongestReference + 2) : 0;
  size_t earliest = out.size();
  for (size_t i = out.size(); i > floor; --i) {
    const char c = out[i - 1];
    if (c == '&') earliest = i - 1;
    if (!is_alphanumeric(c) && c != '#' && c != '&' && c != ';') break;
  }
  return earliest;
}

void append_decoded(std::string& out, char32_t code, bool drop_invisible) {
  const bool after_ascii = out.empty() || static_cast<uint8_t>(out.back()) < 0x80;
  if (drop_invisible && after_ascii && (code_point_byte(code) & (kIsInvisible | kIsJoiner))) return;
  utf8::append(out, code);
}

// Which stretches of the text became what, while decoding goes back over its own output.
class Stretches {
 public:
  // Decoding changes the output from new_begin on, which so far equals the text from begin on.
  void open(size_t begin, size_t new_begin) {
    if (!is_open_) open_ = {begin, begin, new_begin, new_begin};
    is_open_ = true;
  }
  void take_back(size_t new_begin) {
    while (!closed_.empty() && closed_.back().new_end > new_begin) {
      open_.begin = closed_.back().begin;
      open_.new_begin = closed_.back().new_begin;
      closed_.pop_back();
    }
    if (new_begin >= open_.new_begin) return;
    open_.begin -= open_.new_begin - new_begin;
    open_.new_begin = new_begin;
  }
  void close(size_t end, size_t new_end) {
    if (is_open_) closed_.push_back({open_.begin, end, open_.new_begin, new_end});
    is_open_ = false;
  }
  void tell(std::string_view text, const std::string& out, Tally& tally) {
    for (const Edit& edit : closed_) {
      tally.characters += std::max(count_characters(text.substr(edit.begin, edit.end - edit.begin)),
                                   count_characters(std::string_view(out).substr(edit.new_begin, edit.new_end - edit.new_begin)));
    }
    if (tally.edits != nullptr) tally.edits->swap(closed_);
  }

 private:
  bool is_open_ = false;
  Edit open_{};
  Edits closed_;
};

}  // namespace

bool decode_entities(std::string_view text, bool drop_invisible, std::string& out, Tally& tally) {
  size_t ampersand = text.find('&');
  while (ampersand != std::string_view::npos && reference_after(text.substr(ampersand + 1, kLongestReference + 2)).length == 0) {
    ampersand = text.find('&', ampersand + 1);
  }
  if (ampersand == std::string_view::npos) return false;

  out.assign(text.substr(0, ampersand));
  Source source(text.substr(ampersand));
  Stretches stretches;
  while (!source.empty()) {
    if (source.at_input()) {
      stretches.close(ampersand + source.position(), out.size());
      source.copy_plain(out);
    }
    if (source.empty()) break;
    const char front = source.front();
    const Reference reference = front == '&' ? reference_after(source.peek().substr(1)) : Reference{};
    if (reference.length == 0) {
      out += front;
      source.skip(1);
      continue;
    }
    if (source.at_input()) stretches.open(ampersand + source.position(), out.size());
    source.skip(1 + reference.length);
    append_decoded(out, reference.codes[0], drop_invisible);
    if (reference.codes[1] != 0) append_decoded(out, reference.codes[1], drop_invisible);
    const size_t from = earliest_open(out);
    stretches.take_back(from);
    source.take_back(out, from);
  }
  stretches.close(text.size(), out.size());
  stretches.tell(text, out, tally);
  return true;
}

}  // namespace ayar
