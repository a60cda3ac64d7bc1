// Byte-level byte-pair encoding of one pre-token (Sennrich et al., 2016): merge the pair of lowest rank, leftmost first, until none is
// left.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/merge_table.hpp"
#include "text/string_index.hpp"

namespace ayar::text {

struct VocabularyEntry {
  std::string token;  // in the byte-level alphabet
  uint32_t id;
};

class Bpe {
 public:
  // Throws std::invalid_argument for a merge whose sides or result are not in the vocabulary, and for two tokens of one id.
  Bpe(const std::vector<VocabularyEntry>& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges, bool ignore_merges);
  Bpe(const Bpe&) = delete;
  Bpe& operator=(const Bpe&) = delete;

  // Writes the ids of a pre-token to `ids`, which has room for one a byte, and returns their number.
  // A byte that has no token is dropped and its neighbours become adjacent.
  size_t encode(std::string_view piece, uint32_t* ids) const;

  uint32_t id_count() const { return id_count_; }                              // one more than the greatest id
  const std::string& bytes_of(uint32_t id) const { return bytes_of_id_[id]; }  // what it decodes to; empty for an id without token
  bool is_token(uint32_t id) const { return id < id_count_ && is_token_[id]; }

 private:
  size_t merge_short(uint32_t* ids, size_t count) const;
  size_t merge_long(uint32_t* ids, size_t count) const;

  bool ignore_merges_;
  uint32_t id_count_ = 0;
  uint32_t id_of_byte_[256];
  MergeTable merges_;
  std::vector<std::string> bytes_of_id_;
  std::vector<bool> is_token_;
  StringIndex id_of_bytes_;  // filled only where whole pre-tokens are looked up
};

}  // namespace ayar::text
