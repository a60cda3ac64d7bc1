#include "text/encoder.hpp"

#include <algorithm>
#include <cstring>

#include "text/byte_alphabet.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {

void Encoder::make_room(size_t bytes) {
  const size_t wanted = count_ + bytes + 8;  // an id a byte at most, and the cache writes 4 at a time
  if (wanted <= capacity_) return;
  capacity_ = std::max(wanted, 2 * capacity_);
  auto grown = std::make_unique_for_overwrite<uint32_t[]>(capacity_);
  if (count_ > 0) std::memcpy(grown.get(), ids_.get(), count_ * sizeof(uint32_t));
  ids_ = std::move(grown);
}

void Encoder::encode(std::string_view text, bool with_spans) {
  text_ = text;
  with_spans_ = with_spans;
  first_span_ = spans_.size();
  make_room(2 * text.size());  // text that rstrip took can come twice
  tokenizer_.raw_added().split(
      text, [this](size_t begin, size_t end) { encode_between_raw(begin, end); },
      [this](uint32_t id, size_t begin, size_t end) { add_token(id, begin, end); });
}

void Encoder::encode_between_raw(size_t begin, size_t end) {
  if (tokenizer_.normalized_added().empty()) return encode_section(begin, end);
  tokenizer_.normalized_added().split(
      text_.substr(begin, end - begin), [&](size_t b, size_t e) { encode_section(begin + b, begin + e); },
      [&](uint32_t id, size_t b, size_t e) { add_token(id, begin + b, begin + e); });
}

void Encoder::encode_section(size_t begin, size_t end) {
  const auto* const text = reinterpret_cast<const uint8_t*>(text_.data());
  tokenizer_.pretokenizer().split(text + begin, text + end, [this](const uint8_t* p, const uint8_t* stop) { encode_piece(p, stop); });
}

void Encoder::encode_piece(const uint8_t* begin, const uint8_t* end) {
  uint32_t* const ids = ids_.get() + count_;
  const auto size = static_cast<size_t>(end - begin);
  const std::string_view piece(reinterpret_cast<const char*>(begin), size);
  size_t count;
  if (size <= kShortPiece) {
    const auto* const text_end = reinterpret_cast<const uint8_t*>(text_.data() + text_.size());
    const PieceKey key = text_end - begin >= 16 ? key_of_readable(begin, size) : key_of(begin, size);
    const uint64_t hash = key.hash();
    count = cache_.find(key, hash, ids);
    if (count == 0) count = encode_missed(key, hash, piece, ids);
  } else {
    count = encode_long(piece, ids);
  }
  if (with_spans_) add_spans(begin, end, ids, count);
  count_ += count;
}

size_t Encoder::encode_missed(PieceKey key, uint64_t hash, std::string_view piece, uint32_t* ids) {
  const size_t count = encode_long(piece, ids);
  if (count >= 1 && count <= 4) cache_.insert(key, hash, ids, count);
  return count;
}

size_t Encoder::encode_long(std::string_view piece, uint32_t* ids) {
  size_t count = 0;
  if (const uint32_t* const known = cache_.find_long(piece, count)) {
    std::memcpy(ids, known, count * sizeof *ids);
    return count;
  }
  count = tokenizer_.bpe().encode(piece, ids);
  if (piece.size() > kShortPiece || count > 4) cache_.insert_long(piece, ids, count);
  return count;
}

void Encoder::add_token(uint32_t id, size_t begin, size_t end) {
  ids_[count_++] = id;
  if (!with_spans_) return;
  OuterSpaces spaces;  // of the text that was matched, not of the token: lstrip and rstrip take white space in
  if (tokenizer_.trim().trims && begin < end) spaces = outer_spaces_of(text_.substr(begin, end - begin));
  add_span({static_cast<int32_t>(begin), static_cast<int32_t>(end)}, spaces);
}

void Encoder::add_span(ByteSpan span, OuterSpaces spaces) {
  const auto* const text = reinterpret_cast<const uint8_t*>(text_.data());
  auto [leading, trailing] = spaces;
  if (leading == 1 && tokenizer_.trim().keeps_first_space && (spans_.size() == first_span_ || span.begin == 0)) leading = 0;
  for (; leading > 0 && span.begin < span.end; --leading) span.begin += char_bytes(text[span.begin]);  // in characters, as there
  for (; trailing > 0 && span.end > span.begin; --trailing) span.end = static_cast<int32_t>(char_before(text + span.end) - text);
  spans_.push_back(span);
}

// `tokenizers` counts offsets as running sums over the kept bytes, each as long as its character in the byte-level alphabet, and maps the
// sums back to the characters of the text. Without dropped bytes that is plainly where the token's bytes lie.
void Encoder::add_spans(const uint8_t* begin, const uint8_t* end, const uint32_t* ids, size_t count) {
  const auto* const text = reinterpret_cast<const uint8_t*>(text_.data());
  const auto push = [&](uint32_t id, const uint8_t* first, const uint8_t* last) {  // last: the byte at the end, included
    while (is_continuation(*first)) --first;
    do ++last;
    while (last < end && is_continuation(*last));
    add_span({static_cast<int32_t>(first - text), static_cast<int32_t>(last - text)}, tokenizer_.outer_spaces(id));
  };
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes += tokenizer_.bpe().bytes_of(ids[i]).size();
  if (bytes == static_cast<size_t>(end - begin)) {
    for (size_t i = 0; i < count; ++i) {
      const size_t size = tokenizer_.bpe().bytes_of(ids[i]).size();
      push(ids[i], begin, begin + size - 1);
      begin += size;
    }
    return;
  }
  const uint8_t* at = begin;  // the byte that running sum `sum` falls in; it starts at `at_sum`
  size_t at_sum = 0, sum = 0;
  const auto seek = [&](size_t target) {
    for (size_t width = character_bytes_of_byte(*at); at_sum + width <= target; width = character_bytes_of_byte(*at)) {
      at_sum += width;
      ++at;
    }
  };
  for (size_t i = 0; i < count; ++i) {
    seek(sum);
    const uint8_t* const first = at;
    for (const char byte : tokenizer_.bpe().bytes_of(ids[i])) sum += character_bytes_of_byte(static_cast<uint8_t>(byte));
    seek(sum - 1);
    push(ids[i], first, at);
  }
}

}  // namespace ayar::text
