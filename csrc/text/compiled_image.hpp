// What a tokenizer looks things up in: a few arrays in one block of memory, either made from a tokenizer.json or mapped from the compiled
// file beside it. The file is untrusted: its size, its checksum and the size of every array are looked at before anything else.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ayar::text {

enum class Section : uint32_t {
  settings,       // JSON: all of tokenizer.json but the vocabulary and the merges
  token_offsets,  // uint32: where the token of each id starts in token_bytes; ids + 1
  token_bytes,
  token_slots,   // uint64: index of tokens by their bytes
  merge_slots,   // uint64: index of merges by their pair
  merge_layout,  // uint32: how their codes are made of bits
  merged,        // uint32: the id that each merge makes, where its code does not say it
  byte_pairs,    // uint32: the code of the merge of two bytes of a byte-level model; 65,536
  unmerged,      // uint32: 1, then the tokens that the merges do not make out of their bytes; nothing while that is not known
  scores,        // double: of each id of a Unigram model
  seed_slots,    // PieceSlot: pre-tokens already merged
  char_pairs,    // uint64: bits of the pairs of characters that stand side by side in a token
  count,
};

using Digest = std::array<uint64_t, 2>;
// Of a file's bytes: tells files apart, keeps nobody out who wants two of the same digest.
Digest digest_of(std::string_view bytes);

class DamagedImage : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class CompiledImage {
 public:
  // Maps a file. Throws DamagedImage where it is not whole, of another format, or made from a file with another digest; std::system_error
  // where it cannot be read.
  static std::shared_ptr<const CompiledImage> map(const std::string& path, const Digest& source);
  // Takes the bytes that a builder made.
  static std::shared_ptr<const CompiledImage> own(std::vector<uint64_t> words);

  CompiledImage(const CompiledImage&) = delete;
  CompiledImage& operator=(const CompiledImage&) = delete;
  ~CompiledImage();

  template <class T>
  std::span<const T> array(Section section) const {
    const auto [offset, bytes] = table()[static_cast<size_t>(section)];
    if (bytes % sizeof(T) != 0) throw DamagedImage("an array has a broken element at its end");
    return {reinterpret_cast<const T*>(data_ + offset), static_cast<size_t>(bytes / sizeof(T))};
  }
  std::string_view text(Section section) const {
    const std::span<const char> bytes = array<char>(section);
    return {bytes.data(), bytes.size()};
  }
  Digest source() const;
  std::string_view bytes() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  struct Range {
    uint64_t offset, bytes;
  };
  CompiledImage() = default;
  const Range* table() const;
  void check(const Digest* source) const;

  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  std::vector<uint64_t> owned_;
  bool mapped_ = false;
  friend class ImageBuilder;
};

class ImageBuilder {
 public:
  template <class T>
  void add(Section section, std::span<const T> elements) {
    add_bytes(section, {reinterpret_cast<const char*>(elements.data()), elements.size_bytes()});
  }
  void add_bytes(Section section, std::string_view bytes);
  void add_all_but(Section section, const CompiledImage& image);
  std::vector<uint64_t> finish(const Digest& source);

 private:
  std::vector<std::pair<Section, std::string>> sections_;
};

}  // namespace ayar::text
