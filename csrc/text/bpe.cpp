#include "text/bpe.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "text/byte_alphabet.hpp"
#include "text/string_index.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

constexpr uint32_t kNoMerge = MergeTable::kNoMerge;
constexpr size_t kShort = 48;  // symbols up to which a plain scan beats a heap
constexpr size_t kBytePairs = 65536;

std::string name_of_byte(int byte) {
  constexpr char kHex[] = "0123456789ABCDEF";
  return {'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'};
}

}  // namespace

void Bpe::build(const std::vector<VocabularyEntry>& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
                ImageBuilder& image) {
  StringIndex id_of_token(vocabulary.size());
  for (const VocabularyEntry& entry : vocabulary) id_of_token.insert(entry.token, entry.id);
  std::vector<Merge> found;
  found.reserve(merges.size());
  std::string joined;
  for (const auto& [left, right] : merges) {
    joined.assign(left).append(right);
    const Merge merge{id_of_token.find(left), id_of_token.find(right), id_of_token.find(joined)};
    if (merge.left == kNoToken || merge.right == kNoToken || merge.merged == kNoToken) {
      throw std::invalid_argument("merge " + std::to_string(found.size()) + " names a token that is not in the vocabulary");
    }
    found.push_back(merge);
  }
  MergeTable::build(found, image);
  std::vector<int> byte_of_id(kMaxIds, -1);
  for (int byte = 0; byte < 256; ++byte) {
    const uint32_t id = id_of_token.find(character_of_byte(static_cast<uint8_t>(byte)));
    if (id != kNoToken) byte_of_id[id] = byte;
  }
  std::vector<uint32_t> byte_pairs(kBytePairs, kNoMerge);
  for (size_t rank = 0; rank < found.size(); ++rank) {
    const int left = byte_of_id[found[rank].left], right = byte_of_id[found[rank].right];
    if (left >= 0 && right >= 0) byte_pairs[static_cast<size_t>(left << 8 | right)] = static_cast<uint32_t>(rank);
  }
  image.add<uint32_t>(Section::byte_pairs, byte_pairs);
}

Bpe::Bpe(const CompiledImage& image, const Vocabulary& vocabulary, BpeSettings settings)
    : settings_(settings),
      vocabulary_(vocabulary),
      merges_(image, vocabulary.id_count()),
      byte_pairs_(image.array<uint32_t>(Section::byte_pairs)) {
  const auto leads_outside = [this](uint32_t rank) { return rank != kNoMerge && rank >= merges_.merged().size(); };
  if (byte_pairs_.size() != kBytePairs || std::any_of(byte_pairs_.begin(), byte_pairs_.end(), leads_outside)) {
    throw DamagedImage("the pairs of bytes lead outside");
  }
  bool has_all_bytes = true, has_all_fallbacks = settings.byte_fallback;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string character(1, static_cast<char>(byte));
    id_of_byte_[byte] = settings.is_byte_level ? vocabulary.find(character_of_byte(static_cast<uint8_t>(byte)))
                        : byte < 0x80          ? vocabulary.find(character)
                                               : kNoToken;
    byte_tokens_[byte] = vocabulary.find(name_of_byte(byte));
    has_all_bytes = has_all_bytes && id_of_byte_[byte] != kNoToken;
    has_all_fallbacks = has_all_fallbacks && byte_tokens_[byte] != kNoToken;
  }
  drops_nothing_ = settings.is_byte_level ? has_all_bytes : has_all_fallbacks;
}

// Calls on_symbol(id, width) for what the piece is before any merge.
template <class OnSymbol>
void Bpe::symbols_of(std::string_view piece, OnSymbol&& on_symbol) const {
  uint32_t unknown_width = 0;  // of an unknown token that waits: bytes that come behind it overtake it, as in `tokenizers`
  const auto known = [&](uint32_t id, uint32_t width) {
    if (unknown_width > 0) on_symbol(settings_.unk_id, unknown_width);
    unknown_width = 0;
    on_symbol(id, width);
  };
  const auto unknown = [&](uint32_t width) {
    if (settings_.unk_id == kNoToken) return;
    if (unknown_width > 0 && !settings_.fuse_unk) {
      on_symbol(settings_.unk_id, unknown_width);
      unknown_width = 0;
    }
    unknown_width += width;
  };
  if (settings_.is_byte_level) {
    for (const char c : piece) {
      const auto byte = static_cast<uint8_t>(c);
      const auto width = static_cast<uint32_t>(character_bytes_of_byte(byte));
      id_of_byte_[byte] != kNoToken ? known(id_of_byte_[byte], width) : unknown(width);
    }
  } else {
    for (size_t at = 0; at < piece.size();) {
      const auto lead = static_cast<uint8_t>(piece[at]);
      const std::string_view character = piece.substr(at, static_cast<size_t>(char_bytes(lead)));
      at += character.size();
      const uint32_t id = lead < 0x80 ? id_of_byte_[lead] : vocabulary_.find(character);
      if (id != kNoToken) {
        known(id, static_cast<uint32_t>(character.size()));
        continue;
      }
      bool falls_back = settings_.byte_fallback;
      for (const char byte : character) falls_back = falls_back && byte_tokens_[static_cast<uint8_t>(byte)] != kNoToken;
      if (!falls_back) {
        unknown(static_cast<uint32_t>(character.size()));
        continue;
      }
      for (const char byte : character) on_symbol(byte_tokens_[static_cast<uint8_t>(byte)], 1u);
    }
  }
  if (unknown_width > 0) on_symbol(settings_.unk_id, unknown_width);
}

uint32_t Bpe::whole(std::string_view piece) const {
  if (!settings_.ignore_merges) return kNoToken;
  if (!settings_.is_byte_level) return vocabulary_.find(piece);
  std::string written;
  for (const char byte : piece) written += character_of_byte(static_cast<uint8_t>(byte));
  return vocabulary_.find(written);
}

size_t Bpe::encode(std::string_view piece, uint32_t* ids) const {
  ids[0] = whole(piece);
  if (ids[0] != kNoToken) return 1;
  const bool are_bytes = settings_.is_byte_level && drops_nothing_;
  const auto byte = [piece](size_t at) { return static_cast<uint8_t>(piece[at]); };
  size_t count = are_bytes ? piece.size() : 0;
  if (are_bytes) {
    for (size_t i = 0; i < count; ++i) ids[i] = id_of_byte_[byte(i)];
  } else {
    symbols_of(piece, [&](uint32_t id, uint32_t) { ids[count++] = id; });
  }
  const auto rank_all = [&](uint32_t* ranks) {  // ranks[i]: merge of symbols i and i + 1
    for (size_t i = 0; i + 1 < count; ++i) {
      ranks[i] = are_bytes ? byte_pairs_[static_cast<size_t>(byte(i)) << 8 | byte(i + 1)] : merges_.rank(ids[i], ids[i + 1]);
    }
  };
  if (count <= kShort) {
    uint32_t ranks[kShort];
    rank_all(ranks);
    return merge_short(ids, ranks, count);
  }
  std::vector<uint32_t> ranks(count, kNoMerge);
  rank_all(ranks.data());
  return merge_long(ids, ranks, nullptr);
}

void Bpe::encode(std::string_view piece, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const {
  const size_t before = ids.size();
  const uint32_t id = whole(piece);
  if (id != kNoToken) {
    ids.push_back(id);
    size_t width = 0;
    for (const char byte : piece)
      width += static_cast<size_t>(settings_.is_byte_level ? character_bytes_of_byte(static_cast<uint8_t>(byte)) : 1);
    widths.push_back(static_cast<uint32_t>(width));
    return;
  }
  symbols_of(piece, [&](uint32_t symbol, uint32_t width) {
    ids.push_back(symbol);
    widths.push_back(width);
  });
  std::vector<uint32_t> ranks(ids.size() - before, kNoMerge);
  for (size_t i = 0; i + 1 < ranks.size(); ++i) ranks[i] = merges_.rank(ids[before + i], ids[before + i + 1]);
  const size_t count = merge_long(ids.data() + before, ranks, widths.data() + before);
  ids.resize(before + count);
  widths.resize(before + count);
}

size_t Bpe::merge_short(uint32_t* ids, uint32_t* ranks, size_t count) const {
  while (count > 1) {
    size_t at = 0;
    for (size_t i = 1; i + 1 < count; ++i) at = ranks[i] < ranks[at] ? i : at;
    if (ranks[at] == kNoMerge) break;
    ids[at] = merges_.merged(ranks[at]);
    --count;
    for (size_t i = at + 1; i < count; ++i) {
      ids[i] = ids[i + 1];
      ranks[i - 1] = ranks[i];
    }
    if (at + 1 < count) ranks[at] = merges_.rank(ids[at], ids[at + 1]);
    if (at > 0) ranks[at - 1] = merges_.rank(ids[at - 1], ids[at]);
  }
  return count;
}

// A linked list of symbols and a heap of (rank, position): n log n, so that a word of a megabyte is no attack.
size_t Bpe::merge_long(uint32_t* ids, std::vector<uint32_t>& ranks, uint32_t* widths) const {
  const size_t count = ranks.size();
  const auto none = static_cast<uint32_t>(count);
  std::vector<uint32_t> next(count), previous(count);
  std::vector<uint64_t> heap;
  heap.reserve(count);
  for (uint32_t i = 0; i < none; ++i) {
    next[i] = i + 1;
    previous[i] = i == 0 ? none : i - 1;
    if (ranks[i] != kNoMerge) heap.push_back(uint64_t{ranks[i]} << 32 | i);
  }
  const auto later = std::greater<>();
  std::make_heap(heap.begin(), heap.end(), later);
  const auto rank_again = [&](uint32_t at) {
    ranks[at] = next[at] == none ? kNoMerge : merges_.rank(ids[at], ids[next[at]]);
    if (ranks[at] == kNoMerge) return;
    heap.push_back(uint64_t{ranks[at]} << 32 | at);
    std::push_heap(heap.begin(), heap.end(), later);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto rank = static_cast<uint32_t>(heap.back() >> 32), at = static_cast<uint32_t>(heap.back());
    heap.pop_back();
    if (ranks[at] != rank) continue;  // one of its symbols has been merged away since
    const uint32_t eaten = next[at];
    ids[at] = merges_.merged(rank);
    if (widths != nullptr) widths[at] += widths[eaten];
    ranks[eaten] = kNoMerge;
    next[at] = next[eaten];
    if (next[at] != none) previous[next[at]] = at;
    rank_again(at);
    if (previous[at] != none) rank_again(previous[at]);
  }
  size_t kept = 0;
  for (uint32_t at = 0; at != none; at = next[at]) {
    if (widths != nullptr) widths[kept] = widths[at];
    ids[kept++] = ids[at];
  }
  return kept;
}

}  // namespace ayar::text
