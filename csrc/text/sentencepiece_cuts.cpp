#include "text/sentencepiece_cuts.hpp"

#include <cstring>
#include <string>

#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

constexpr size_t kByteWords = 65536 / 64, kHashBits = 19, kHashWords = (size_t{1} << kHashBits) / 64;
constexpr std::string_view kMetaspace = "▁";

size_t hashed(uint32_t left, uint32_t right) {
  return ((uint64_t{left} << 21 | right) * 0x9E3779B97F4A7C15u) >> (64 - kHashBits);
}

void set(uint64_t* words, size_t bit) {
  words[bit >> 6] |= uint64_t{1} << (bit & 63);
}

bool is_byte_token(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
}

void add_pairs(std::string_view token, std::vector<uint64_t>& words) {
  std::string text;
  for (size_t at = 0; at < token.size();) {
    const bool is_space = token.substr(at).starts_with(kMetaspace);
    const auto width = static_cast<size_t>(char_bytes(static_cast<uint8_t>(token[at])));
    text += is_space ? std::string_view(" ") : token.substr(at, width);
    at += width;
  }
  const auto* const p = reinterpret_cast<const uint8_t*>(text.data());
  for (size_t at = static_cast<size_t>(char_bytes(p[0])); at < text.size(); at += static_cast<size_t>(char_bytes(p[at]))) {
    set(words.data(), size_t{p[at - 1]} << 8 | p[at]);
    set(words.data() + kByteWords, hashed(char_at(char_before(p + at)).code_point, char_at(p + at).code_point));
  }
}

}  // namespace

void SentencePieceCuts::build(const std::vector<std::pair<std::string, std::string>>& merges, ImageBuilder& image) {
  std::vector<uint64_t> words(kByteWords + kHashWords + 1);
  for (const auto& [left, right] : merges) {
    add_pairs(left + right, words);
    if (is_byte_token(left) || is_byte_token(right) || is_byte_token(left + right)) words.back() = 1;
  }
  image.add<uint64_t>(Section::char_pairs, words);
}

SentencePieceCuts::SentencePieceCuts(const CompiledImage& image, bool cuts_at_spaces) : pairs_(image.array<uint64_t>(Section::char_pairs)) {
  if (pairs_.size() != kByteWords + kHashWords + 1) throw DamagedImage("the pairs of characters have a wrong size");
  std::memcpy(bytes_, pairs_.data(), sizeof bytes_);
  if (!cuts_at_spaces) return;
  for (size_t last = 0; last < 256; ++last) {
    const size_t bit = last << 8 | ' ';
    bytes_[bit >> 6] &= ~(uint64_t{1} << (bit & 63));
  }
}

bool SentencePieceCuts::joins(const uint8_t* p) const {
  if (is_continuation(*p)) return true;
  const size_t bit = hashed(char_at(char_before(p)).code_point, char_at(p).code_point);
  return (pairs_[kByteWords + (bit >> 6)] >> (bit & 63) & 1) != 0;
}

}  // namespace ayar::text
