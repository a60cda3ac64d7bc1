#include "text/html_tags.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ayar {
namespace {

enum class Element : uint8_t { inline_, block, cell, raw };

struct ElementName {
  std::string_view name;
  Element element;
};
constexpr Element kInline = Element::inline_, kBlock = Element::block, kCell = Element::cell, kRaw = Element::raw;
constexpr ElementName kElements[] = {
    {"a", kInline},        {"abbr", kInline},      {"acronym", kInline},   {"address", kBlock}, {"area", kInline},    {"article", kBlock},
    {"aside", kBlock},     {"audio", kInline},     {"b", kInline},         {"base", kInline},   {"bdi", kInline},     {"bdo", kInline},
    {"big", kInline},      {"blockquote", kBlock}, {"body", kBlock},       {"br", kBlock},      {"button", kInline},  {"canvas", kInline},
    {"caption", kBlock},   {"center", kBlock},     {"cite", kInline},      {"code", kInline},   {"col", kInline},     {"colgroup", kInline},
    {"data", kInline},     {"datalist", kInline},  {"dd", kBlock},         {"del", kInline},    {"details", kBlock},  {"dfn", kInline},
    {"dialog", kBlock},    {"dir", kBlock},        {"div", kBlock},        {"dl", kBlock},      {"dt", kBlock},       {"em", kInline},
    {"embed", kInline},    {"fieldset", kBlock},   {"figcaption", kBlock}, {"figure", kBlock},  {"font", kInline},    {"footer", kBlock},
    {"form", kBlock},      {"frame", kInline},     {"frameset", kInline},  {"h1", kBlock},      {"h2", kBlock},       {"h3", kBlock},
    {"h4", kBlock},        {"h5", kBlock},         {"h6", kBlock},         {"head", kBlock},    {"header", kBlock},   {"hr", kBlock},
    {"html", kBlock},      {"i", kInline},         {"iframe", kInline},    {"img", kInline},    {"input", kInline},   {"ins", kInline},
    {"kbd", kInline},      {"label", kInline},     {"legend", kBlock},     {"li", kBlock},      {"link", kInline},    {"main", kBlock},
    {"map", kInline},      {"mark", kInline},      {"menu", kBlock},       {"meta", kInline},   {"meter", kInline},   {"nav", kBlock},
    {"nobr", kInline},     {"noframes", kBlock},   {"noscript", kInline},  {"object", kInline}, {"ol", kBlock},       {"optgroup", kBlock},
    {"option", kBlock},    {"output", kInline},    {"p", kBlock},          {"param", kInline},  {"picture", kInline}, {"pre", kBlock},
    {"progress", kInline}, {"q", kInline},         {"rp", kInline},        {"rt", kInline},     {"ruby", kInline},    {"s", kInline},
    {"samp", kInline},     {"script", kRaw},       {"section", kBlock},    {"select", kInline}, {"small", kInline},   {"source", kInline},
    {"span", kInline},     {"strike", kInline},    {"strong", kInline},    {"style", kRaw},     {"sub", kInline},     {"summary", kBlock},
    {"sup", kInline},      {"svg", kInline},       {"table", kBlock},      {"tbody", kInline},  {"td", kCell},        {"template", kInline},
    {"textarea", kInline}, {"tfoot", kInline},     {"th", kCell},          {"thead", kInline},  {"time", kInline},    {"title", kBlock},
    {"tr", kBlock},        {"track", kInline},     {"tt", kInline},        {"u", kInline},      {"ul", kBlock},       {"var", kInline},
    {"video", kInline},    {"wbr", kInline},
};
constexpr std::string_view kOfficePrefixes[] = {"m", "o", "st1", "v", "w", "x"};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_name(char c) {
  return is_letter(c) || (c >= '0' && c <= '9');
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
bool starts_with_name(std::string_view text, std::string_view lower_name) {
  return text.size() >= lower_name.size() && std::equal(lower_name.begin(), lower_name.end(), text.begin(),
                                                        [](char lower, char c) { return (is_letter(c) ? c | 0x20 : c) == lower; });
}

struct Name {
  size_t end = 0;  // behind the name; 0: no element's name
  Element element = kInline;
};

class Tags {
 public:
  explicit Tags(std::string_view text) : text_(text) {}

  // What stands at a `<`: where the markup ends (0: this is text) and the byte that takes its place (0: none).
  struct Markup {
    size_t end = 0;
    char replacement = 0;
  };
  Markup at(size_t open) {
    const std::string_view rest = text_.substr(open + 1);
    if (rest.empty()) return {};
    if (rest[0] == '!') return declaration(open);
    if (rest[0] == '?') return starts_with_name(rest.substr(1), "xml") ? Markup{next(next_close_, ">", open), 0} : Markup{};
    const bool is_end_tag = rest[0] == '/';
    const Name name = element_name(open + 1 + is_end_tag);
    if (name.end == 0) return {};
    const size_t end = attributes_end(name.end);
    if (end == 0) return {};
    if (name.element == kBlock) return {end, '\n'};
    if (name.element == kCell && !is_end_tag) return {end, '\t'};
    if (name.element == kRaw && !is_end_tag) return {raw_text_end(open, end), 0};
    return {end, 0};
  }

 private:
  struct Found {
    size_t at = 0, from = 1;  // an occurrence, and where the search for it began; nothing known yet
  };

  // The end of the first `what` at or behind `from`, or 0. Remembers the answer: asking again and again stays linear.
  size_t next(Found& found, std::string_view what, size_t from) {
    if (found.from > from || (found.at < from && found.at != std::string_view::npos)) found = {text_.find(what, from), from};
    return found.at == std::string_view::npos ? 0 : found.at + what.size();
  }

  Markup declaration(size_t open) {
    const std::string_view rest = text_.substr(open + 2);
    if (rest.starts_with("--")) return {next(next_comment_end_, "-->", open + 2), 0};
    if (starts_with_name(rest, "doctype") || rest.starts_with("[if") || rest.starts_with("[endif"))
      return {next(next_close_, ">", open), 0};
    return {};
  }

  Name element_name(size_t begin) const {
    size_t end = begin;
    while (end < text_.size() && is_name(text_[end]) && end - begin < 16) ++end;
    std::string_view name = text_.substr(begin, end - begin);
    if (name.empty() || !is_letter(name[0])) return {};
    char lower[16];
    std::transform(name.begin(), name.end(), lower, [](char c) { return is_letter(c) ? c | 0x20 : c; });
    name = {lower, name.size()};
    if (end < text_.size() && text_[end] == ':') {
      if (std::find(std::begin(kOfficePrefixes), std::end(kOfficePrefixes), name) == std::end(kOfficePrefixes)) return {};
      const size_t local = ++end;
      while (end < text_.size() && is_name(text_[end])) ++end;
      return end > local && ends_name(end) ? Name{end, kInline} : Name{};
    }
    const ElementName* found = std::lower_bound(std::begin(kElements), std::end(kElements), name,
                                                [](const ElementName& entry, std::string_view wanted) { return entry.name < wanted; });
    if (found == std::end(kElements) || found->name != name || !ends_name(end)) return {};
    return {end, found->element};
  }

  bool ends_name(size_t at) const { return at < text_.size() && (is_space(text_[at]) || text_[at] == '/' || text_[at] == '>'); }

  // Behind the `>` that closes the tag whose name ended at `begin`, or 0. A `<` outside quotes, or no `>`, makes it text.
  size_t attributes_end(size_t begin) {
    enum State : uint8_t { kPlain, kAfterEquals, kDouble, kSingle };
    State state = kPlain;
    size_t end = 0;
    std::vector<State> path;  // the states in the bytes behind the first kShort
    for (size_t i = begin; i < text_.size(); ++i) {
      const char c = text_[i];
      if (state == kDouble || state == kSingle) {
        if (c == (state == kDouble ? '"' : '\'')) state = kPlain;
      } else if (c == '>') {
        end = i + 1;
        break;
      } else if (c == '<') {
        break;
      } else if (c == '=') {
        state = kAfterEquals;
      } else if (state == kAfterEquals && !is_space(c)) {
        state = c == '"' ? kDouble : c == '\'' ? kSingle : kPlain;
      }
      if (i - begin < kShort) continue;
      // Scans that meet in one state end alike, so each byte is read once in each of the four states: hostile input stays linear.
      if (outcomes_.empty()) outcomes_.resize(text_.size());
      if (const int known = outcomes_[i] >> (2 * state) & 3; known != 0) {
        end = known == kTag ? i + 1 : 0;  // only separate_tags comes here with a tag, and asks no more than whether it is one
        break;
      }
      path.push_back(state);
    }
    for (size_t j = 0; j < path.size(); ++j) {
      outcomes_[begin + kShort + j] |= static_cast<uint8_t>((end != 0 ? kTag : kText) << (2 * path[j]));
    }
    return end;
  }

  // Behind the end tag of a script or style whose start tag is [open, end); an unclosed one loses only its start tag.
  size_t raw_text_end(size_t open, size_t end) {
    const bool is_script = (text_[open + 2] | 0x20) == 'c';
    Found& found = is_script ? next_script_end_ : next_style_end_;
    const std::string_view name = is_script ? "</script" : "</style";
    if (found.from > end || (found.at < end && found.at != std::string_view::npos)) found = {find_end_tag(name, end), end};
    if (found.at == std::string_view::npos) return end;
    const size_t close = next(next_close_, ">", found.at);
    return close != 0 ? close : end;
  }

  size_t find_end_tag(std::string_view lower_name, size_t from) const {
    for (size_t at = text_.find("</", from); at != std::string_view::npos; at = text_.find("</", at + 2)) {
      if (starts_with_name(text_.substr(at), lower_name) && ends_name(at + lower_name.size())) return at;
    }
    return std::string_view::npos;
  }

  static constexpr size_t kShort = 64;
  static constexpr int kText = 1, kTag = 2;

  std::string_view text_;
  std::vector<uint8_t> outcomes_;  // two bits a state, for bytes that a long scan has read
  Found next_close_, next_comment_end_, next_script_end_, next_style_end_;
};

}  // namespace

bool strip_tags(std::string_view text, std::string& out, Tally& tally) {
  size_t open = text.find('<');
  if (open == std::string_view::npos) return false;
  Tags tags(text);
  Rewrite rewrite(text, out, tally);
  for (; open != std::string_view::npos; open = text.find('<', open)) {
    const Tags::Markup markup = tags.at(open);
    if (markup.end == 0) {
      ++open;
      continue;
    }
    rewrite.replace(open, markup.end, {&markup.replacement, markup.replacement != 0 ? size_t{1} : size_t{0}});
    open = markup.end;
  }
  return rewrite.finish();
}

bool holds_tags(std::string_view text) {
  size_t open = text.find('<');
  if (open == std::string_view::npos) return false;
  Tags tags(text);
  for (; open != std::string_view::npos; open = text.find('<', open + 1)) {
    if (tags.at(open).end != 0) return true;
  }
  return false;
}

bool separate_tags(std::string_view text, std::string& out, Tally& tally) {
  size_t open = text.find('<');
  if (open == std::string_view::npos) return false;
  Tags tags(text);
  Rewrite rewrite(text, out, tally);
  for (; open != std::string_view::npos; open = text.find('<', open + 1)) {
    if (tags.at(open).end != 0) rewrite.replace(open, open + 1, "< ");
  }
  return rewrite.finish();
}

}  // namespace ayar
