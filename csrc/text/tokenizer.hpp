// Text → token ids, for byte-level BPE: added tokens, then pre-tokens, then merges. Equal to `tokenizers` on every well-formed text.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/added_tokens.hpp"
#include "text/bpe.hpp"
#include "text/pretokenize.hpp"

namespace ayar::text {

class Encoder;

// What the post-processor ByteLevel does to offsets.
struct OffsetTrim {
  bool trims = false;              // leave out white space at both ends of a token
  bool keeps_first_space = false;  // but not a single space at the start of the text
};

struct OuterSpaces {
  uint16_t leading = 0, trailing = 0;  // white characters at both ends, Ġ (the space of the byte-level alphabet) among them; capped
};
OuterSpaces outer_spaces_of(std::string_view text);

struct TokenizerParts {
  std::vector<VocabularyEntry> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<AddedToken> raw_added;         // searched first, "normalized": false
  std::vector<AddedToken> normalized_added;  // then these, in what is left
  Pretokenizer pretokenizer;
  bool ignore_merges = false;
  OffsetTrim trim;
};

// Half-open range of bytes, widened to whole characters: a token may be a part of one.
struct ByteSpan {
  int32_t begin, end;
};

struct TokenBatch {
  std::unique_ptr<uint32_t[]> ids;
  std::unique_ptr<ByteSpan[]> spans;  // null unless asked for
  std::vector<int64_t> row_offsets;   // rows + 1
};

class Tokenizer {
 public:
  explicit Tokenizer(TokenizerParts parts);
  ~Tokenizer();

  // Row r is bytes [offsets[r], offsets[r + 1]) of data. Ill-formed UTF-8 is repaired first, and spans then count in the repaired text.
  // Runs on the thread pool; the result does not depend on it.
  TokenBatch encode_batch(const uint8_t* data, const int64_t* offsets, int64_t rows, bool with_spans) const;

  // The bytes that ids stand for. Throws std::out_of_range for an id without token.
  std::string decode(const int32_t* ids, size_t count, bool skip_special) const;
  void mark_special(uint32_t id) { is_special_.at(id) = true; }

  OuterSpaces outer_spaces(uint32_t id) const { return trim_.trims ? outer_spaces_[id] : OuterSpaces{}; }  // of a token's string
  const OffsetTrim& trim() const { return trim_; }
  const Bpe& bpe() const { return bpe_; }
  const Pretokenizer& pretokenizer() const { return pretokenizer_; }
  const AddedTokens& raw_added() const { return raw_added_; }
  const AddedTokens& normalized_added() const { return normalized_added_; }

 private:
  std::unique_ptr<Encoder> take_encoder() const;
  void give_back(std::unique_ptr<Encoder> encoder) const;

  Pretokenizer pretokenizer_;
  Bpe bpe_;
  AddedTokens raw_added_, normalized_added_;
  std::vector<std::string> added_bytes_;  // of ids beyond the vocabulary
  std::vector<bool> is_special_;
  OffsetTrim trim_;
  std::vector<OuterSpaces> outer_spaces_;  // filled only where offsets are trimmed
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Encoder>> idle_;  // with warm caches
};

}  // namespace ayar::text
