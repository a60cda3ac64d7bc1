// Byte-pair encoding of one pre-token (Sennrich et al., 2016): merge the pair of lowest rank, leftmost first, until none is left.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/compiled_vocabulary.hpp"
#include "text/merge_table.hpp"
#include "text/string_index.hpp"

namespace ayar::text {

struct BpeSettings {
  bool is_byte_level = true;  // symbols are bytes, tokens are written in the byte-level alphabet; else symbols are characters
  bool ignore_merges = false;
  bool byte_fallback = false;  // a character without token becomes its bytes, <0x00> to <0xFF>, where all of them are there
  bool fuse_unk = false;
  uint32_t unk_id = kNoToken;  // what has no token is dropped where there is none
};

class Bpe {
 public:
  // Throws std::invalid_argument for a merge whose sides or result are not in the vocabulary.
  static void build(const std::vector<VocabularyEntry>& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
                    ImageBuilder& image);
  Bpe(const CompiledImage& image, const Vocabulary& vocabulary, BpeSettings settings);

  // Writes the ids of a pre-token to `ids`, which has room for one a byte, and returns their number.
  // What has no token and no stand-in is dropped and its neighbours become adjacent.
  size_t encode(std::string_view piece, uint32_t* ids) const;
  // Appends the same, and how many bytes of the piece (written in the byte-level alphabet where the model is of that kind) each id takes.
  void encode(std::string_view piece, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const;

  const BpeSettings& settings() const { return settings_; }
  // The tokens that the merges do not make out of what they are written in: with `ignore_merges` only. Takes a while.
  std::vector<uint32_t> unmerged() const;
  bool drops_nothing() const { return drops_nothing_; }  // every text has a token for each of its bytes or characters

 private:
  template <class OnSymbol>
  void symbols_of(std::string_view piece, OnSymbol&& on_symbol) const;
  uint32_t whole(std::string_view piece) const;
  std::optional<std::string> piece_of(uint32_t id) const;
  size_t merge(std::string_view piece, uint32_t* ids) const;
  size_t merge_short(uint32_t* ids, uint32_t* codes, size_t count) const;                  // codes[i]: of the merge of symbols i and i + 1
  size_t merge_long(uint32_t* ids, std::vector<uint32_t>& codes, uint32_t* widths) const;  // codes: as above, kNoMerge last

  BpeSettings settings_;
  const Vocabulary& vocabulary_;
  MergeTable merges_;
  std::span<const uint32_t> byte_pairs_;
  uint32_t id_of_byte_[256];   // byte-level: of each byte; else of each ASCII character
  uint32_t byte_tokens_[256];  // <0x00> to <0xFF>
  bool drops_nothing_ = false, knows_unmerged_ = false;
  std::deque<std::string> unmerged_pieces_;
  StringIndex unmerged_;  // by piece
};

}  // namespace ayar::text
