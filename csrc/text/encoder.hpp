// One thread's part of a tokenizer: its cache and its output.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/piece_cache.hpp"
#include "text/tokenizer.hpp"

namespace ayar::text {

IdBuffer allocate_ids(size_t count);

class Encoder {
 public:
  explicit Encoder(const Tokenizer& tokenizer);

  // Before a batch of so many bytes.
  void expect(size_t text_bytes);

  // Appends the ids of a well-formed text, and their spans where wanted. Memory is readable up to `readable_end`, behind the text.
  void encode(std::string_view text, bool with_spans, const uint8_t* readable_end);

  size_t count() const { return count_; }
  const uint32_t* ids() const { return ids_.get(); }
  const std::vector<ByteSpan>& spans() const { return spans_; }
  IdBuffer take_ids();
  void clear();  // the output; a large buffer is given back

 private:
  void make_room(size_t ids);
  void encode_between_raw(size_t begin, size_t end);
  void encode_section(size_t begin, size_t end);
  void encode_sentencepiece(size_t begin, size_t end);
  void encode_words(size_t begin, size_t end);
  void encode_aligned(size_t begin, size_t end);
  void encode_ends(const uint32_t* ends, size_t count);
  void encode_unit(const uint8_t* begin, size_t size);
  size_t encode_new(std::string_view piece, PieceKey key, uint64_t hash);
  size_t encode_long(std::string_view piece, uint64_t hash);
  size_t encode_missed(std::string_view piece);
  void add_token(uint32_t id, size_t begin, size_t end);
  void add_span(ByteSpan span, OuterSpaces spaces);
  OuterSpaces outer_spaces(uint32_t id) const;
  void add_spans(const uint8_t* begin, const uint8_t* end, const uint32_t* ids, size_t count);
  void add_aligned_spans(const AlignedText& piece);

  const Tokenizer& tokenizer_;
  PieceCache cache_;
  IdBuffer ids_;
  size_t capacity_ = 0, count_ = 0;
  std::vector<ByteSpan> spans_;
  std::string_view text_;
  const uint8_t* readable_end_ = nullptr;
  bool with_spans_ = false;
  size_t first_span_ = 0;  // of this text

  bool is_cold_ = true;  // many pre-tokens of the chunk before were not in the cache: then the seeds are fetched ahead too

  // of the section at work
  const uint8_t* base_ = nullptr;
  uint32_t done_ = 0;
  std::vector<uint32_t> ends_;
  std::vector<PieceKey> keys_;
  std::vector<uint64_t> hashes_;
  std::string section_, piece_;  // rewritten copies
  std::vector<uint32_t> missed_, widths_;
};

}  // namespace ayar::text
