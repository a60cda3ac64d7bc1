#include "text/minhash/shingles.hpp"

#include <cstring>

#include "core/macros.hpp"
#include "text/code_points.hpp"
#include "text/minhash/mixing.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

constexpr int kWidthOfShortRows = 5;  // characters

bool is_ascii_space(uint8_t byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r') || (byte >= 0x1C && byte <= 0x1F);
}

bool is_space(char32_t code) {
  return (code_point_byte(code) & kIsSpace) != 0 || code == 0x85 || code == 0x3000;
}

uint64_t hash_word(const char* p, const char* end) {
  uint64_t hash = 0x243F6A8885A308D3 ^ static_cast<uint64_t>(end - p);
  for (; end - p >= 8; p += 8) {
    uint64_t eight;
    std::memcpy(&eight, p, 8);
    hash = (hash ^ eight) * 0x9E3779B97F4A7C15;
    hash ^= hash >> 32;
  }
  uint64_t rest = 0;
  std::memcpy(&rest, p, static_cast<size_t>(end - p));
  return mix64(hash ^ rest);
}

}  // namespace

Shingler::Shingler(ShingleKind kind) : kind_(kind) {
  AYAR_REQUIRE(kind.width >= 1 && kind.width <= kMaxShingleWidth);
}

const std::vector<uint64_t>& Shingler::shingles(std::string_view text) {
  if (kind_.unit == ShingleUnit::words && split_words(text)) {
    combine(kind_.width);
  } else {
    split_characters(text);
    combine(kind_.unit == ShingleUnit::words ? kWidthOfShortRows : kind_.width);
  }
  return hashes_;
}

void Shingler::split_characters(std::string_view text) {
  units_.resize(text.size());
  uint64_t* out = units_.data();
  for (const char *p = text.data(), *end = p + text.size(); p < end;) {
    if (static_cast<uint8_t>(*p) < 0x80) {
      *out++ = static_cast<uint8_t>(*p++);
    } else {
      const utf8::Decoded next = utf8::decode(p, end);
      *out++ = next.code;
      p += next.length;
    }
  }
  units_.resize(static_cast<size_t>(out - units_.data()));
}

// False where there are fewer words than a shingle has.
bool Shingler::split_words(std::string_view text) {
  units_.clear();
  const char* word = nullptr;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    const uint8_t byte = static_cast<uint8_t>(*p);
    int length = 1;
    bool space = is_ascii_space(byte);
    if (byte >= 0x80) {
      const utf8::Decoded next = utf8::decode(p, end);
      length = next.length;
      space = is_space(next.code);
    }
    if (space && word != nullptr) {
      units_.push_back(hash_word(word, p));
      word = nullptr;
    } else if (!space && word == nullptr) {
      word = p;
    }
    p += length;
  }
  if (word != nullptr) units_.push_back(hash_word(word, end));
  return units_.size() >= static_cast<size_t>(kind_.width);
}

// A shingle's hash is the mixed sum of its units, each times an odd number of its own place.
void Shingler::combine(int width) {
  const size_t size = units_.size();
  const size_t places = size > static_cast<size_t>(width) ? size - static_cast<size_t>(width) + 1 : 1;
  units_.resize(places + static_cast<size_t>(width) - 1, ' ');  // a short text is padded to one shingle
  hashes_.assign(places, 0);
  for (int unit = 0; unit < width; ++unit) {
    const uint64_t multiplier = mix64(static_cast<uint64_t>(unit) + 1) | 1;
    const uint64_t* const shifted = units_.data() + unit;
    for (size_t place = 0; place < places; ++place) hashes_[place] += shifted[place] * multiplier;
  }
  for (size_t place = 0; place < places; ++place) hashes_[place] = mix64(hashes_[place]);
}

}  // namespace ayar
