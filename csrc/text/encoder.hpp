// One thread's part of a tokenizer: its cache and its output.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "text/piece_cache.hpp"
#include "text/tokenizer.hpp"

namespace ayar::text {

class Encoder {
 public:
  explicit Encoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void clear() {
    count_ = 0;
    spans_.clear();
  }
  // Appends the ids of a well-formed text, and their spans where wanted.
  void encode(std::string_view text, bool with_spans);

  size_t count() const { return count_; }
  const uint32_t* ids() const { return ids_.get(); }
  const std::vector<ByteSpan>& spans() const { return spans_; }

 private:
  void make_room(size_t bytes);
  void encode_between_raw(size_t begin, size_t end);
  void encode_section(size_t begin, size_t end);
  void encode_piece(const uint8_t* begin, const uint8_t* end);
  size_t encode_long(std::string_view piece, uint32_t* ids);
  size_t encode_missed(PieceKey key, uint64_t hash, std::string_view piece, uint32_t* ids);
  void add_token(uint32_t id, size_t begin, size_t end);
  void add_span(ByteSpan span, OuterSpaces spaces);
  void add_spans(const uint8_t* begin, const uint8_t* end, const uint32_t* ids, size_t count);

  const Tokenizer& tokenizer_;
  PieceCache cache_;
  std::unique_ptr<uint32_t[]> ids_;
  size_t capacity_ = 0, count_ = 0;
  std::vector<ByteSpan> spans_;
  std::string_view text_;
  bool with_spans_ = false;
  size_t first_span_ = 0;  // of this text
};

}  // namespace ayar::text
