// Unigram language model (Kudo, 2018): the segmentation of greatest total score, found from left to right (Viterbi, 1967).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/compiled_vocabulary.hpp"

namespace ayar::text {

struct UnigramSettings {
  uint32_t unk_id = kNoToken;  // throws std::invalid_argument where it is needed and not there
  bool byte_fallback = false;
};

class Unigram {
 public:
  // Throws DamagedImage where there is not one score for each id.
  Unigram(const CompiledImage& image, const Vocabulary& vocabulary, UnigramSettings settings);
  // Appends the ids of a piece and how many of its bytes each takes; the ids of an unknown character's bytes take 0 but for the last.
  void encode(std::string_view piece, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const;

 private:
  struct Node {
    uint32_t first_child, last_child;  // range of nodes, in the order of their bytes
    uint32_t id;                       // of the token that ends here, or kNoToken
    uint8_t byte;
  };
  struct Best {
    double score = 0;
    uint32_t id = kNoToken;
    int64_t begin = -1;
  };
  void grow_trie();
  void append(std::string_view text, uint32_t id, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const;

  const Vocabulary& vocabulary_;
  UnigramSettings settings_;
  std::span<const double> scores_;
  std::vector<Node> trie_;
  uint32_t byte_tokens_[256];
  double unk_score_ = 0;
};

}  // namespace ayar::text
