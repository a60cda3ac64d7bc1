// The set of short pieces that a text is made of, as 64-bit hashes: runs of `width` characters, or of `width` words.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ayar {

enum class ShingleUnit : uint8_t { characters, words };

struct ShingleKind {
  ShingleUnit unit = ShingleUnit::characters;
  int width = 5;  // 1 to kMaxShingleWidth
};
constexpr int kMaxShingleWidth = 16;

// Makes shingles; keeps its buffers from text to text. One object a thread.
class Shingler {
 public:
  explicit Shingler(ShingleKind kind);

  // One hash for each place of a shingle, in order, repetitions included; never empty. A text of fewer words than `width` gives its
  // shingles of characters, one of fewer characters a single shingle of all of them. Valid until the next call. UTF-8; ill-formed bytes
  // count as characters.
  const std::vector<uint64_t>& shingles(std::string_view text);

 private:
  void split_characters(std::string_view text);
  bool split_words(std::string_view text);
  void combine(int width);

  ShingleKind kind_;
  std::vector<uint64_t> units_;
  std::vector<uint64_t> hashes_;
};

}  // namespace ayar
