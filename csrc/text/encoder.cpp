#include "text/encoder.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "text/byte_alphabet.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

constexpr std::string_view kMetaspace = "▁";
constexpr size_t kKeptIds = 1 << 22;  // of an idle encoder's buffer
constexpr size_t kBytesPerId = 3;     // guessed low: memory that is not touched costs nothing
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kColdSample = 64;  // pre-tokens from which on a chunk tells whether the cache is cold

// Large buffers start at a huge page and are made of those: fewer page faults, and none is split when the buffer moves.
IdBuffer allocate(size_t ids) {
  const size_t bytes = std::max<size_t>(ids, 1) * sizeof(uint32_t);
  const bool is_large = bytes >= 2 * kHugePage;
  void* const memory = is_large ? std::aligned_alloc(kHugePage, (bytes + kHugePage - 1) / kHugePage * kHugePage) : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  if (is_large) madvise(memory, bytes, MADV_HUGEPAGE);  // before the first touch, or it does nothing
  return IdBuffer(static_cast<uint32_t*>(memory));
}

const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

bool is_ascii_punctuation(uint8_t byte) {
  return (byte >= '!' && byte <= '/') || (byte >= ':' && byte <= '@') || (byte >= '[' && byte <= '`') || (byte >= '{' && byte <= '~');
}

bool is_ascii_white(uint8_t byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

}  // namespace

Encoder::Encoder(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer),
      cache_(tokenizer.seed_slots()),
      ends_(BlockSplitter::kEnds),
      keys_(BlockSplitter::kEnds),
      hashes_(BlockSplitter::kEnds) {}

void Encoder::expect(size_t text_bytes) {
  cache_.expect(text_bytes);
  const size_t ids = text_bytes / kBytesPerId;
  if (count_ > 0 || ids <= capacity_ || ids * sizeof(uint32_t) < 2 * kHugePage) return;
  ids_ = allocate(ids);
  capacity_ = ids;
}

void Encoder::make_room(size_t ids) {
  const size_t wanted = count_ + ids + 8;  // a slot writes 4 at a time
  if (wanted <= capacity_) return;
  const size_t capacity = std::max(wanted, 2 * capacity_);
  IdBuffer grown = allocate(capacity);
  if (count_ > 0) std::memcpy(grown.get(), ids_.get(), count_ * sizeof(uint32_t));
  ids_ = std::move(grown);
  capacity_ = capacity;
}

IdBuffer allocate_ids(size_t count) {
  return allocate(count);
}

IdBuffer Encoder::take_ids() {
  make_room(0);
  capacity_ = 0;
  return std::move(ids_);
}

void Encoder::clear() {
  count_ = 0;
  spans_.clear();
  if (capacity_ <= kKeptIds) return;
  ids_.reset();
  capacity_ = 0;
  spans_.shrink_to_fit();
}

void Encoder::encode(std::string_view text, bool with_spans, const uint8_t* readable_end) {
  text_ = text;
  with_spans_ = with_spans;
  readable_end_ = readable_end;
  first_span_ = spans_.size();
  make_room(2 * text.size());  // an id a byte at most, and text that rstrip took can come twice
  tokenizer_.raw_added().split(
      text, [this](size_t begin, size_t end) { encode_between_raw(begin, end); },
      [this](uint32_t id, size_t begin, size_t end) { add_token(id, begin, end); });
}

void Encoder::encode_between_raw(size_t begin, size_t end) {
  const bool has_normalized = !tokenizer_.normalized_added().empty();
  switch (tokenizer_.plan()) {
    case Plan::byte_level:
      if (!tokenizer_.normalizer().empty() && may_change_in_nfc(text_.substr(begin, end - begin))) return encode_aligned(begin, end);
      if (!has_normalized) return encode_section(begin, end);
      tokenizer_.normalized_added().split(
          text_.substr(begin, end - begin), [&](size_t b, size_t e) { encode_section(begin + b, begin + e); },
          [&](uint32_t id, size_t b, size_t e) { add_token(id, begin + b, begin + e); });
      return;
    case Plan::sentencepiece: return with_spans_ || has_normalized ? encode_aligned(begin, end) : encode_sentencepiece(begin, end);
    case Plan::words: return with_spans_ || has_normalized ? encode_aligned(begin, end) : encode_words(begin, end);
    case Plan::pieces: return encode_aligned(begin, end);
  }
}

void Encoder::encode_section(size_t begin, size_t end) {
  make_room(end - begin);
  base_ = bytes_of(text_) + begin;
  done_ = 0;
  const uint8_t* const stop = bytes_of(text_) + end;
  if (tokenizer_.blocks()) {
    return tokenizer_.blocks()->split(base_, stop, ends_.data(), this, [](void* self, const uint32_t* ends, size_t count) {
      static_cast<Encoder*>(self)->encode_ends(ends, count);
    });
  }
  size_t count = 0;
  tokenizer_.plain().split(base_, stop, [&](const uint8_t*, const uint8_t* piece_end) {
    ends_[count++] = static_cast<uint32_t>(piece_end - base_);
    if (count < ends_.size()) return;
    encode_ends(ends_.data(), count);
    count = 0;
  });
  encode_ends(ends_.data(), count);
}

// ▁ and U+0020 mean the same once the text is normalized, so the text is cut and looked up with spaces; only what is new is rewritten.
void Encoder::encode_sentencepiece(size_t begin, size_t end) {
  std::string_view section = text_.substr(begin, end - begin);
  const bool has_metaspace = section.find(kMetaspace) != std::string_view::npos;
  const bool starts_with_space = section.starts_with(' ') || section.starts_with(kMetaspace);
  const Prepend prepend = tokenizer_.prepend();
  const bool wants = prepend == Prepend::always || (prepend == Prepend::first && begin == 0);
  const bool prepends = tokenizer_.prepends_always() || (wants && !starts_with_space);
  make_room(3 * (section.size() + 1));
  const uint8_t* const readable = readable_end_;
  if (prepends || has_metaspace) {
    section_.assign(prepends ? 1 : 0, ' ');
    for (size_t at = 0; at < section.size();) {
      const size_t found = has_metaspace ? std::min(section.find(kMetaspace, at), section.size()) : section.size();
      section_.append(section, at, found - at);
      if (found < section.size()) section_ += ' ';
      at = found + kMetaspace.size();
    }
    section = section_;
    readable_end_ = bytes_of(section) + section.size();
  }
  base_ = bytes_of(section);
  done_ = 0;
  const uint8_t* const stop = base_ + section.size();
  size_t count = 0;
  for (const uint8_t* p = base_; p < stop;) {
    p = tokenizer_.cuts().unit_end(p, stop);
    ends_[count++] = static_cast<uint32_t>(p - base_);
    if (count < ends_.size()) continue;
    encode_ends(ends_.data(), count);
    count = 0;
  }
  encode_ends(ends_.data(), count);
  readable_end_ = readable;
}

void Encoder::encode_words(size_t begin, size_t end) {
  const uint8_t* p = bytes_of(text_) + begin;
  const uint8_t* const stop = bytes_of(text_) + end;
  while (p < stop) {
    if (is_ascii_white(*p)) {
      ++p;
      continue;
    }
    const uint8_t* const first = p++;
    if (!is_ascii_punctuation(*first)) {
      while (p < stop && !is_ascii_white(*p) && !is_ascii_punctuation(*p)) ++p;
    }
    encode_unit(first, static_cast<size_t>(p - first));
  }
}

// Two passes over a chunk: the keys, while their slots are on the way from memory; then the slots.
void Encoder::encode_ends(const uint32_t* ends, size_t count) {
  uint32_t begin = done_;
  const size_t lookups = cache_.seed_lookups();
  for (size_t i = 0; i < count; ++i) {
    const size_t size = ends[i] - begin;
    const uint8_t* const p = base_ + begin;
    begin = ends[i];
    if (size > kShortPiece) {
      hashes_[i] = cache_.prefetch_long(p, size);
      continue;
    }
    keys_[i] = readable_end_ - p >= 16 ? key_of_readable(p, size) : key_of(p, size);
    hashes_[i] = keys_[i].hash();
    cache_.prefetch(hashes_[i]);
  }
  if (is_cold_) {
    begin = done_;
    for (size_t i = 0; i < count; ++i) {
      if (ends[i] - begin <= kShortPiece) cache_.prefetch_seed(keys_[i], hashes_[i]);
      begin = ends[i];
    }
  }
  uint32_t* out = ids_.get() + count_;
  begin = done_;
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* const p = base_ + begin;
    const size_t size = ends[i] - begin;
    begin = ends[i];
    size_t added = size <= kShortPiece ? cache_.find(keys_[i], hashes_[i], out) : 0;
    if (added == 0) [[unlikely]] {
      count_ = static_cast<size_t>(out - ids_.get());
      added = encode_new({reinterpret_cast<const char*>(p), size}, keys_[i], hashes_[i]);
      out = ids_.get() + count_;
    }
    if (with_spans_) add_spans(p, p + size, out, added);
    out += added;
  }
  done_ = begin;
  count_ = static_cast<size_t>(out - ids_.get());
  if (count >= kColdSample) is_cold_ = (cache_.seed_lookups() - lookups) * 32 > count;
}

void Encoder::encode_unit(const uint8_t* begin, size_t size) {
  base_ = begin;
  done_ = 0;
  const auto end = static_cast<uint32_t>(size);
  make_room(size + PieceCache::kMaxIds);
  encode_ends(&end, 1);
}

// A unit that the short cache does not know: writes its ids behind the others and returns their number.
size_t Encoder::encode_new(std::string_view piece, PieceKey key, uint64_t hash) {
  if (piece.size() > kShortPiece) return encode_long(piece, hash);
  const size_t count = encode_missed(piece);
  if (count >= 1 && count <= PieceCache::kMaxIds) cache_.insert(key, hash, ids_.get() + count_, count);
  return count;
}

size_t Encoder::encode_long(std::string_view piece, uint64_t hash) {
  size_t count = 0;
  if (const uint32_t* const known = cache_.find_long(piece, hash, count)) {
    make_room(count);
    std::memcpy(ids_.get() + count_, known, count * sizeof *known);
    return count;
  }
  count = encode_missed(piece);
  cache_.insert_long(piece, ids_.get() + count_, count);
  return count;
}

// Writes the ids of a unit that no cache knows behind the others.
size_t Encoder::encode_missed(std::string_view piece) {
  if (tokenizer_.plan() == Plan::byte_level) return tokenizer_.bpe().encode(piece, ids_.get() + count_);
  if (tokenizer_.plan() == Plan::sentencepiece) {
    piece_.clear();
    for (const char byte : piece) byte == ' ' ? piece_ += kMetaspace : piece_ += byte;
    return tokenizer_.bpe().encode(piece_, ids_.get() + count_);
  }
  AlignedText section(piece, 0, false);
  tokenizer_.normalizer().apply(section);
  missed_.clear();
  widths_.clear();
  for (const AlignedText& part : split_pieces(tokenizer_.settings().splits, std::move(section))) {
    tokenizer_.encode_piece(part.bytes(), missed_, widths_);
  }
  make_room(missed_.size());
  std::copy(missed_.begin(), missed_.end(), ids_.get() + count_);
  return missed_.size();
}

void Encoder::encode_aligned(size_t begin, size_t end) {
  AlignedText section(text_.substr(begin, end - begin), static_cast<int32_t>(begin), with_spans_);
  tokenizer_.normalizer().apply(section);
  tokenizer_.normalized_added().split(
      section.bytes(),
      [&](size_t b, size_t e) {
        for (const AlignedText& piece : split_pieces(tokenizer_.settings().splits, section.slice(b, e))) {
          missed_.clear();
          widths_.clear();
          tokenizer_.encode_piece(piece.bytes(), missed_, widths_);
          make_room(missed_.size());
          std::copy(missed_.begin(), missed_.end(), ids_.get() + count_);
          count_ += missed_.size();
          if (with_spans_) add_aligned_spans(piece);
        }
      },
      [&](uint32_t id, size_t b, size_t e) {
        make_room(1);
        ids_[count_++] = id;
        if (!with_spans_) return;
        OuterSpaces spaces;
        if (tokenizer_.settings().trim.trims && b < e) spaces = outer_spaces_of(std::string_view(section.bytes()).substr(b, e - b));
        add_span(section.origin(b, e), spaces);
      });
}

void Encoder::add_token(uint32_t id, size_t begin, size_t end) {
  make_room(1);
  ids_[count_++] = id;
  if (!with_spans_) return;
  OuterSpaces spaces;  // of the text that was matched, not of the token: lstrip and rstrip take white space in
  if (tokenizer_.settings().trim.trims && begin < end) spaces = outer_spaces_of(text_.substr(begin, end - begin));
  add_span({static_cast<int32_t>(begin), static_cast<int32_t>(end)}, spaces);
}

OuterSpaces Encoder::outer_spaces(uint32_t id) const {
  return tokenizer_.settings().trim.trims ? outer_spaces_of(tokenizer_.vocabulary().token(id)) : OuterSpaces{};
}

void Encoder::add_span(ByteSpan span, OuterSpaces spaces) {
  const uint8_t* const text = bytes_of(text_);
  auto [leading, trailing] = spaces;
  if (leading == 1 && tokenizer_.settings().trim.keeps_first_space && (spans_.size() == first_span_ || span.begin == 0)) leading = 0;
  for (; leading > 0 && span.begin < span.end; --leading) span.begin += char_bytes(text[span.begin]);  // in characters, as there
  for (; trailing > 0 && span.end > span.begin; --trailing) span.end = static_cast<int32_t>(char_before(text + span.end) - text);
  spans_.push_back(span);
}

// `tokenizers` counts offsets as running sums over the kept bytes, each as long as its character in the byte-level alphabet, and maps the
// sums back to the characters of the text. Without dropped bytes that is plainly where the token's bytes lie.
void Encoder::add_spans(const uint8_t* begin, const uint8_t* end, const uint32_t* ids, size_t count) {
  const uint8_t* const text = bytes_of(text_);
  const auto push = [&](uint32_t id, const uint8_t* first, const uint8_t* last) {  // last: the byte at the end, included
    while (is_continuation(*first)) --first;
    do ++last;
    while (last < end && is_continuation(*last));
    add_span({static_cast<int32_t>(first - text), static_cast<int32_t>(last - text)}, outer_spaces(id));
  };
  const auto bytes_in = [&](uint32_t id) {  // a character of the alphabet is a byte
    const std::string_view token = tokenizer_.vocabulary().token(id);
    return static_cast<size_t>(std::count_if(token.begin(), token.end(), [](char c) { return !is_continuation(static_cast<uint8_t>(c)); }));
  };
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes += bytes_in(ids[i]);
  if (bytes == static_cast<size_t>(end - begin)) {
    for (size_t i = 0; i < count; ++i) {
      const size_t size = bytes_in(ids[i]);
      push(ids[i], begin, begin + size - 1);
      begin += size;
    }
    return;
  }
  missed_.clear();
  widths_.clear();
  tokenizer_.encode_piece({reinterpret_cast<const char*>(begin), static_cast<size_t>(end - begin)}, missed_, widths_);
  const uint8_t* at = begin;  // the byte that running sum `sum` falls in; it starts at `at_sum`
  size_t at_sum = 0, sum = 0;
  const auto seek = [&](size_t target) {
    for (size_t width = static_cast<size_t>(character_bytes_of_byte(*at)); at_sum + width <= target && at < end - 1;
         width = static_cast<size_t>(character_bytes_of_byte(*at))) {
      at_sum += width;
      ++at;
    }
  };
  widths_.resize(count, 1);  // they are as many, unless a compiled file lies
  for (size_t i = 0; i < count; ++i) {
    seek(sum);
    const uint8_t* const first = at;
    sum += widths_[i];
    seek(sum - 1);
    push(ids[i], first, at);
  }
}

// The same for a piece that was normalized: running sums over its bytes, or over their characters in the byte-level alphabet.
void Encoder::add_aligned_spans(const AlignedText& piece) {
  const Bpe* const bpe = std::get_if<BpeSettings>(&tokenizer_.settings().model) != nullptr ? &tokenizer_.bpe() : nullptr;
  const bool is_byte_level = bpe != nullptr && bpe->settings().is_byte_level;
  size_t at = 0, at_sum = 0, sum = 0;
  const auto seek = [&](size_t target) {
    if (!is_byte_level) {
      at = target;
      return;
    }
    for (size_t width;
         at_sum + (width = static_cast<size_t>(character_bytes_of_byte(static_cast<uint8_t>(piece.bytes()[at])))) <= target;) {
      at_sum += width;
      ++at;
    }
  };
  for (size_t i = 0; i < missed_.size(); ++i) {
    size_t width = widths_[i];
    for (size_t j = i; width == 0; ++j) width = widths_[j];  // a byte of an unknown character: all of it
    seek(sum);
    const size_t first = at;
    seek(sum + width - 1);
    add_span(piece.origin(first, at + 1), outer_spaces(missed_[i]));
    sum += widths_[i];
  }
}

}  // namespace ayar::text
