#include "text/nfc.hpp"

#include <algorithm>
#include <vector>

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

struct CombiningClass {
  char32_t code;
  uint8_t ccc;
};
struct Decomposition {
  char32_t code;
  uint16_t offset;
  uint16_t length;
};
struct Composition {
  char32_t first, second, composed;
};
#include "text/tables/nfc.inc"

// Hangul by arithmetic: Unicode, section 3.12.
constexpr char32_t kS = 0xAC00, kL = 0x1100, kV = 0x1161, kT = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

struct Char {
  char32_t code;
  uint8_t ccc;
};

template <class Entry, size_t N>
const Entry* find(const Entry (&table)[N], char32_t code) {
  const Entry* found = std::lower_bound(table, table + N, code, [](const Entry& entry, char32_t c) { return entry.code < c; });
  return found != table + N && found->code == code ? found : nullptr;
}

uint8_t combining_class(char32_t code) {
  const CombiningClass* found = find(kCombiningClasses, code);
  return found ? found->ccc : 0;
}

void decompose(char32_t code, std::vector<Char>& out) {
  if (code >= kS && code < kS + kSCount) {
    const char32_t index = code - kS;
    out.push_back({kL + index / (kVCount * kTCount), 0});
    out.push_back({kV + index % (kVCount * kTCount) / kTCount, 0});
    if (index % kTCount != 0) out.push_back({kT + index % kTCount, 0});
  } else if (const Decomposition* found = find(kDecompositions, code)) {
    for (int i = 0; i < found->length; ++i) {
      const char32_t part = kDecompositionPool[found->offset + i];
      out.push_back({part, combining_class(part)});
    }
  } else {
    out.push_back({code, combining_class(code)});
  }
}

// The composite of two code points, or 0.
char32_t compose(char32_t first, char32_t second) {
  if (first >= kL && first < kL + kLCount && second >= kV && second < kV + kVCount) {
    return kS + ((first - kL) * kVCount + (second - kV)) * kTCount;
  }
  if (first >= kS && first < kS + kSCount && (first - kS) % kTCount == 0 && second > kT && second < kT + kTCount) {
    return first + (second - kT);
  }
  const Composition* end = std::end(kCompositions);
  const Composition* found = std::lower_bound(std::begin(kCompositions), end, first, [second](const Composition& entry, char32_t code) {
    return entry.first != code ? entry.first < code : entry.second < second;
  });
  return found != end && found->first == first && found->second == second ? found->composed : 0;
}

void reorder(std::vector<Char>& chars) {
  for (size_t i = 0; i < chars.size();) {
    size_t end = i + 1;
    if (chars[i].ccc != 0) {
      while (end < chars.size() && chars[end].ccc != 0) ++end;
      std::stable_sort(chars.begin() + i, chars.begin() + end, [](const Char& a, const Char& b) { return a.ccc < b.ccc; });
    }
    i = end;
  }
}

void compose_in_place(std::vector<Char>& chars) {
  size_t kept = 0, starter = SIZE_MAX;
  uint8_t last_ccc = 0;  // of what was kept since the starter: a mark is blocked by one of its own class or higher
  for (const Char next : chars) {
    if (starter != SIZE_MAX && (kept == starter + 1 || last_ccc < next.ccc)) {
      if (const char32_t composed = compose(chars[starter].code, next.code)) {
        chars[starter].code = composed;
        continue;
      }
    }
    if (next.ccc == 0) starter = kept;
    last_ccc = next.ccc;
    chars[kept++] = next;
  }
  chars.resize(kept);
}

// Whether a normal form may cut before it: nothing here composes with what stands before, or moves there.
bool is_boundary(char32_t code) {
  return (code_point_byte(code) & kIsNfcSlow) == 0;
}

void append_utf8(const std::vector<Char>& chars, std::string& out) {
  out.clear();
  for (const Char c : chars) utf8::append(out, c.code);
}

}  // namespace

bool normalize_nfc(std::string_view text, std::string& out, Tally& tally) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  Rewrite rewrite(text, out, tally);
  std::vector<Char> chars;
  std::string composed;
  const char* starter = begin;  // the last character that a boundary stands before
  for (const char* p = begin; p < end;) {
    if (static_cast<uint8_t>(*p) < 0xC8) {  // every code point below U+0200
      starter = p;
      p += static_cast<uint8_t>(*p) < 0x80 ? 1 : 2;
      if (p < end && static_cast<uint8_t>(*p) < 0x80) {
        p = utf8::skip_ascii(p, end);
        starter = p - 1;
      }
      continue;
    }
    utf8::Decoded next = utf8::decode(p, end);
    if (is_boundary(next.code)) {
      starter = p;
      p += next.length;
      continue;
    }
    // From the starter to the next boundary: the stretch is normalised by itself.
    chars.clear();
    const char* q = starter;
    do {
      next = utf8::decode(q, end);
      decompose(next.code, chars);
      q += next.length;
    } while (q < end && (q <= p || !is_boundary(utf8::decode(q, end).code)));
    reorder(chars);
    compose_in_place(chars);
    append_utf8(chars, composed);
    rewrite.replace(starter - begin, q - begin, composed);
    starter = q;
    p = q;
  }
  return rewrite.finish();
}

}  // namespace ayar
