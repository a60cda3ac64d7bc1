#include "text/normalizer.hpp"

#include <algorithm>
#include <iterator>

#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

struct CombiningClass {
  char32_t code;
  uint8_t value;
};
struct Composition {
  char32_t first, second, composed;
};
struct Image {
  char32_t code;
  uint16_t offset, length;
};
#include "text/normalizer_tables.inc"

template <class Entry, size_t N>
const Entry* find(const Entry (&table)[N], char32_t code) {
  const Entry* const found = std::lower_bound(table, table + N, code, [](const Entry& entry, char32_t c) { return entry.code < c; });
  return found != table + N && found->code == code ? found : nullptr;
}

uint8_t combining_class(char32_t code) {
  if (code < 0x300) return 0;
  const CombiningClass* const found = find(kCombiningClasses, code);
  return found != nullptr ? found->value : 0;
}

// Hangul by arithmetic: Unicode, section 3.12.
constexpr char32_t kS = 0xAC00, kL = 0x1100, kV = 0x1161, kT = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

char32_t compose(char32_t first, char32_t second) {
  if (first >= kL && first < kL + kLCount && second >= kV && second < kV + kVCount) {
    return kS + ((first - kL) * kVCount + (second - kV)) * kTCount;
  }
  if (first >= kS && first < kS + kSCount && (first - kS) % kTCount == 0 && second > kT && second < kT + kTCount)
    return first + (second - kT);
  const Composition* const end = std::end(kCompositions);
  const Composition* const found = std::lower_bound(
      std::begin(kCompositions), end, first,
      [second](const Composition& entry, char32_t code) { return entry.first != code ? entry.first < code : entry.second < second; });
  return found != end && found->first == first && found->second == second ? found->composed : 0;
}

template <class OnChar>
void decompose(char32_t code, bool is_compatible, OnChar&& on_char) {
  if (code < 0xA0) return on_char(code);
  if (code >= kS && code < kS + kSCount) {
    const char32_t index = code - kS;
    on_char(kL + index / (kVCount * kTCount));
    on_char(kV + index % (kVCount * kTCount) / kTCount);
    if (index % kTCount != 0) on_char(kT + index % kTCount);
    return;
  }
  const Image* image = is_compatible ? find(kCompatible, code) : nullptr;
  if (image == nullptr) image = find(kCanonical, code);
  if (image == nullptr) return on_char(code);
  for (size_t i = 0; i < image->length; ++i) on_char(kImagePool[image->offset + i]);
}

struct Mark {
  Change change;
  uint8_t combining_class;
};

std::vector<Mark> decomposed(const AlignedText& text, bool is_compatible) {
  std::vector<Mark> marks;
  marks.reserve(text.bytes().size());
  text.for_each_char([&](char32_t code) {
    int32_t change = 0;
    decompose(code, is_compatible, [&](char32_t part) {
      marks.push_back({{part, change}, combining_class(part)});
      change = 1;
    });
  });
  for (size_t i = 0; i < marks.size(); ++i) {  // canonical order
    if (marks[i].combining_class == 0) continue;
    size_t end = i + 1;
    while (end < marks.size() && marks[end].combining_class != 0) ++end;
    std::stable_sort(marks.begin() + static_cast<std::ptrdiff_t>(i), marks.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const Mark& a, const Mark& b) { return a.combining_class < b.combining_class; });
    i = end - 1;
  }
  return marks;
}

void normalize_form(AlignedText& text, bool is_compatible, bool composes) {
  const std::vector<Mark> marks = decomposed(text, is_compatible);
  std::vector<Change> out;
  out.reserve(marks.size());
  size_t starter = SIZE_MAX;
  uint8_t last_class = 0;
  for (const Mark& mark : marks) {
    if (composes && starter != SIZE_MAX && (out.size() == starter + 1 || last_class < mark.combining_class)) {
      if (const char32_t composed = compose(out[starter].code, mark.change.code)) {
        out[starter] = {composed, out[starter].change + mark.change.change - 1};
        continue;
      }
    }
    if (mark.combining_class == 0) starter = out.size();
    last_class = mark.combining_class;
    out.push_back(mark.change);
  }
  text.transform(out, 0);
}

void lower(AlignedText& text) {
  std::vector<Change> out;
  text.for_each_char([&](char32_t code) {
    if (code < 0x80) return out.push_back({code >= 'A' && code <= 'Z' ? code + 32 : code, 0});
    const Image* const image = find(kLower, code);
    if (image == nullptr) return out.push_back({code, 0});
    for (size_t i = 0; i < image->length; ++i) out.push_back({kImagePool[image->offset + i], i > 0});
  });
  text.transform(out, 0);
}

void strip(AlignedText& text, bool left, bool right) {
  std::vector<char32_t> codes;
  text.for_each_char([&](char32_t code) { codes.push_back(code); });
  const auto is_white = [](char32_t code) { return (normal_traits(code) & kRustWhite) != 0; };
  size_t begin = 0, end = codes.size();
  while (left && begin < end && is_white(codes[begin])) ++begin;
  while (right && end > begin && is_white(codes[end - 1])) --end;
  if (begin == 0 && end == codes.size()) return;
  std::vector<Change> out;
  for (size_t i = begin; i < end; ++i) out.push_back({codes[i], 0});
  text.transform(out, begin);
}

void clean_for_bert(AlignedText& text) {
  text.filter([](char32_t code) { return (normal_traits(code) & kBertRemoved) == 0; });
  std::vector<Change> out;
  text.for_each_char([&](char32_t code) { out.push_back({(normal_traits(code) & kBertSpaced) != 0 ? U' ' : code, 0}); });
  text.transform(out, 0);
}

void space_ideographs(AlignedText& text) {
  std::vector<Change> out;
  text.for_each_char([&](char32_t code) {
    const bool is_ideograph = (normal_traits(code) & kIdeograph) != 0;
    if (is_ideograph) out.push_back({U' ', 0});
    out.push_back({code, is_ideograph});
    if (is_ideograph) out.push_back({U' ', 1});
  });
  text.transform(out, 0);
}

void collapse_spaces(AlignedText& text, std::string_view content) {
  std::vector<std::pair<size_t, size_t>> runs;
  const std::string& bytes = text.bytes();
  for (size_t at = bytes.find("  "); at != std::string::npos; at = bytes.find("  ", at)) {
    const size_t begin = at;
    while (at < bytes.size() && bytes[at] == ' ') ++at;
    runs.emplace_back(begin, at);
  }
  text.replace(runs, content);
}

}  // namespace

void Normalizer::apply(AlignedText& text) const {
  for (const NormalStep& step : steps_) {
    switch (step.kind) {
      case Normal::nfc:
        if (may_change_in_nfc(text.bytes())) normalize_form(text, false, true);
        break;
      case Normal::nfd: normalize_form(text, false, false); break;
      case Normal::nfkc: normalize_form(text, true, true); break;
      case Normal::nfkd: normalize_form(text, true, false); break;
      case Normal::lowercase: lower(text); break;
      case Normal::strip_left: strip(text, true, false); break;
      case Normal::strip_right: strip(text, false, true); break;
      case Normal::strip_both: strip(text, true, true); break;
      case Normal::strip_accents: text.filter([](char32_t code) { return (normal_traits(code) & kCombiningMark) == 0; }); break;
      case Normal::replace: text.replace(step.pattern, step.content); break;
      case Normal::collapse_spaces: collapse_spaces(text, step.content); break;
      case Normal::prepend: text.prepend(step.content); break;
      case Normal::bert_clean: clean_for_bert(text); break;
      case Normal::bert_ideographs: space_ideographs(text); break;
      case Normal::bert_accents:
        normalize_form(text, false, false);
        text.filter([](char32_t code) { return (normal_traits(code) & kBertMark) == 0; });
        break;
    }
  }
}

std::string Normalizer::apply(std::string_view text) const {
  AlignedText aligned(text, 0, false);
  apply(aligned);
  return aligned.bytes();
}

bool may_change_in_nfc(std::string_view text) {
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); (p = utf8::skip_ascii(p, end)) < end;) {
    const auto lead = static_cast<uint8_t>(*p);
    if (lead < 0xCC) {  // below U+0300
      p += 2;
      continue;
    }
    const Character c = char_at(reinterpret_cast<const uint8_t*>(p));
    if (kNfcSlowOf[kNfcSlowBlock[c.code_point >> 8]][c.code_point & 255] != 0) return true;
    p += c.bytes;
  }
  return false;
}

uint8_t normal_traits(char32_t code) {
  return kNormalTraitsOf[kNormalTraitsBlock[code >> 8]][code & 255];
}

}  // namespace ayar::text
