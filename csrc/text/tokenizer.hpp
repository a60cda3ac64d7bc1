// Text → token ids: added tokens, normalizers, pre-tokens, then the model. Equal to `tokenizers` on every well-formed text.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/added_tokens.hpp"
#include "text/block_splitter.hpp"
#include "text/bpe.hpp"
#include "text/compiled_image.hpp"
#include "text/compiled_vocabulary.hpp"
#include "text/normalizer.hpp"
#include "text/piece_cache.hpp"
#include "text/pretokenize_steps.hpp"
#include "text/sentencepiece_cuts.hpp"
#include "text/unigram.hpp"
#include "text/wordpiece.hpp"

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

struct TokenizerSettings {
  std::variant<BpeSettings, WordPieceSettings, UnigramSettings> model;
  std::vector<NormalStep> normalizer = {};
  std::vector<SplitStep> splits = {};
  std::vector<AddedToken> raw_added = {};         // searched first, "normalized": false
  std::vector<AddedToken> normalized_added = {};  // then these, in what the normalizer makes of the rest
  OffsetTrim trim = {};
};

// How the ids of a text are found. All but the last cut a text into units that do not depend on each other, and remember their ids.
enum class Plan : uint8_t {
  byte_level,     // pre-tokens of a known pattern
  sentencepiece,  // between sure cuts
  words,          // between ASCII white space and punctuation
  pieces,         // one step after the other, as `tokenizers` does
};

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};
using IdBuffer = std::unique_ptr<uint32_t[], FreeMemory>;

struct TokenBatch {
  IdBuffer ids;
  std::unique_ptr<ByteSpan[]> spans;  // null unless asked for
  std::vector<int64_t> row_offsets;   // rows + 1
};

class Tokenizer {
 public:
  // Throws DamagedImage and std::invalid_argument.
  Tokenizer(std::shared_ptr<const CompiledImage> image, TokenizerSettings settings);
  ~Tokenizer();

  // Row r is bytes [offsets[r], offsets[r + 1]) of data, which ends at data_end. Ill-formed UTF-8 is repaired first, and spans then count
  // in the repaired text. Runs on the thread pool; the result does not depend on it.
  TokenBatch encode_batch(const uint8_t* data, const uint8_t* data_end, const int64_t* offsets, int64_t rows, bool with_spans) const;

  // The bytes that ids stand for, of a byte-level model. Throws std::out_of_range for an id without token.
  std::string decode(const int32_t* ids, size_t count, bool skip_special) const;
  // A token that the normalizer changes is not special, whatever its flag says: as in `tokenizers`.
  void mark_special(uint32_t id) { is_special_.at(id) = !is_renamed_.at(id); }
  bool is_special(uint32_t id) const { return id < is_special_.size() && is_special_[id]; }

  // Of the model and of the added tokens; nullopt for an id without token.
  std::optional<std::string_view> token(uint32_t id) const;
  uint32_t find(std::string_view token) const;  // or kNoToken
  uint32_t size() const { return size_; }
  uint32_t id_bound() const { return static_cast<uint32_t>(is_special_.size()); }

  // The ids of pieces that a batch would look up, ready to be written into an image: pieces of 1 to 15 bytes and at most 4 ids.
  std::vector<PieceSlot> seeds(const std::vector<std::string>& pieces) const;
  std::vector<uint32_t> unmerged() const { return bpe().unmerged(); }  // see there; of a BPE model

  const TokenizerSettings& settings() const { return settings_; }
  Plan plan() const { return plan_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const Normalizer& normalizer() const { return normalizer_; }
  const Bpe& bpe() const { return std::get<Bpe>(model_); }
  const AddedTokens& raw_added() const { return raw_added_; }
  const AddedTokens& normalized_added() const { return normalized_added_; }
  const std::optional<BlockSplitter>& blocks() const { return blocks_; }
  const Pretokenizer& plain() const { return plain_; }
  const SentencePieceCuts& cuts() const { return *cuts_; }
  Prepend prepend() const { return prepend_; }
  bool prepends_always() const { return prepends_always_; }
  std::span<const PieceSlot> seed_slots() const { return seed_slots_; }
  void encode_piece(std::string_view piece, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const;

 private:
  Plan choose_plan();
  bool is_sentencepiece();
  std::unique_ptr<Encoder> take_encoder() const;
  void give_back(std::unique_ptr<Encoder> encoder) const;

  std::shared_ptr<const CompiledImage> image_;
  TokenizerSettings settings_;
  Vocabulary vocabulary_;
  std::variant<Bpe, WordPiece, Unigram> model_;
  Normalizer normalizer_;
  AddedTokens raw_added_, normalized_added_;
  std::vector<std::pair<std::string, uint32_t>> added_;  // sorted by content
  std::vector<std::string> normalized_contents_;         // of settings_.normalized_added
  std::vector<const std::string*> added_of_id_;          // what an id decodes to; null where the vocabulary says it
  std::vector<bool> is_special_, is_renamed_;
  uint32_t size_ = 0;
  Pretokenizer plain_;
  std::optional<BlockSplitter> blocks_;
  std::optional<SentencePieceCuts> cuts_;
  Prepend prepend_ = Prepend::never;  // sentencepiece: of a space, where the section does not start with one
  bool prepends_always_ = false;      // sentencepiece: of a space, whatever it starts with
  Plan plan_ = Plan::pieces;
  std::span<const PieceSlot> seed_slots_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Encoder>> idle_;  // with warm caches
};

}  // namespace ayar::text
