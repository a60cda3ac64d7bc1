// WordPiece (Schuster & Nakajima, 2012; BERT's form): the longest token at the start of a word, then the longest continuation, and so on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/compiled_vocabulary.hpp"

namespace ayar::text {

struct WordPieceSettings {
  std::string prefix = "##";  // of tokens that go on inside of a word
  uint32_t max_chars = 100;   // a longer word is unknown as a whole, and so is one with a part that no token matches
  uint32_t unk_id = 0;
};

class WordPiece {
 public:
  WordPiece(const Vocabulary& vocabulary, WordPieceSettings settings);
  // Appends the ids of a word and how many of its bytes each takes.
  void encode(std::string_view word, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const;

 private:
  const Vocabulary& vocabulary_;
  WordPieceSettings settings_;
  size_t longest_ = 0;  // bytes of the longest token
};

}  // namespace ayar::text
