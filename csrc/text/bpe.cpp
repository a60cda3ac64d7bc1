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
  uint32_t id_bound = 0;
  for (const VocabularyEntry& entry : vocabulary) {
    id_of_token.insert(entry.token, entry.id);
    id_bound = std::max(id_bound, entry.id + 1);
  }
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
  const std::vector<uint32_t> codes = MergeTable::build(found, id_bound, image);
  std::vector<int> byte_of_id(kMaxIds, -1);
  for (int byte = 0; byte < 256; ++byte) {
    const uint32_t id = id_of_token.find(character_of_byte(static_cast<uint8_t>(byte)));
    if (id != kNoToken) byte_of_id[id] = byte;
  }
  std::vector<uint32_t> byte_pairs(kBytePairs, kNoMerge);
  for (size_t rank = 0; rank < found.size(); ++rank) {
    const int left = byte_of_id[found[rank].left], right = byte_of_id[found[rank].right];
    if (left >= 0 && right >= 0) byte_pairs[static_cast<size_t>(left << 8 | right)] = codes[rank];
  }
  image.add<uint32_t>(Section::byte_pairs, byte_pairs);
}

Bpe::Bpe(const CompiledImage& image, const Vocabulary& vocabulary, BpeSettings settings)
    : settings_(settings),
      vocabulary_(vocabulary),
      merges_(image, vocabulary.id_count()),
      byte_pairs_(image.array<uint32_t>(Section::byte_pairs)) {
  const auto leads_outside = [this](uint32_t code) { return code != kNoMerge && !merges_.is_code(code); };
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
  const std::span<const uint32_t> unmerged = image.array<uint32_t>(Section::unmerged);
  knows_unmerged_ = !unmerged.empty();
  if (settings.ignore_merges && knows_unmerged_) {
    unmerged_ = StringIndex(unmerged.size());
    for (const uint32_t id : unmerged.subspan(1)) {
      const std::optional<std::string> piece = vocabulary.has(id) ? piece_of(id) : std::nullopt;
      if (!piece) throw DamagedImage("a token that is not merged has no bytes");
      unmerged_.insert(unmerged_pieces_.emplace_back(*piece), id);
    }
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
  if (knows_unmerged_) return unmerged_.find(piece);  // the merges find the others
  if (!settings_.is_byte_level) return vocabulary_.find(piece);
  std::string written;
  for (const char byte : piece) written += character_of_byte(static_cast<uint8_t>(byte));
  return vocabulary_.find(written);
}

size_t Bpe::encode(std::string_view piece, uint32_t* ids) const {
  ids[0] = whole(piece);
  return ids[0] != kNoToken ? 1 : merge(piece, ids);
}

// The piece that a token is; none where a character of the token stands for no byte.
std::optional<std::string> Bpe::piece_of(uint32_t id) const {
  const std::string_view token = vocabulary_.token(id);
  return settings_.is_byte_level ? bytes_of_token(token) : std::string(token);
}

std::vector<uint32_t> Bpe::unmerged() const {
  std::vector<uint32_t> found, ids;
  if (!settings_.ignore_merges) return found;
  for (uint32_t id = 0; id < vocabulary_.id_count(); ++id) {
    const std::optional<std::string> piece = vocabulary_.has(id) ? piece_of(id) : std::nullopt;
    if (!piece) continue;
    ids.resize(piece->size() + 1);
    if (merge(*piece, ids.data()) != 1 || ids[0] != id) found.push_back(id);
  }
  return found;
}

size_t Bpe::merge(std::string_view piece, uint32_t* ids) const {
  const bool are_bytes = settings_.is_byte_level && drops_nothing_;
  const auto byte = [piece](size_t at) { return static_cast<uint8_t>(piece[at]); };
  size_t count = are_bytes ? piece.size() : 0;
  if (are_bytes) {
    for (size_t i = 0; i < count; ++i) ids[i] = id_of_byte_[byte(i)];
  } else {
    symbols_of(piece, [&](uint32_t id, uint32_t) { ids[count++] = id; });
  }
  const auto code_all = [&](uint32_t* codes) {  // codes[i]: merge of symbols i and i + 1
    for (size_t i = 0; i + 1 < count; ++i) {
      codes[i] = are_bytes ? byte_pairs_[static_cast<size_t>(byte(i)) << 8 | byte(i + 1)] : merges_.code(ids[i], ids[i + 1]);
    }
  };
  if (count <= kShort) {
    uint32_t codes[kShort];
    code_all(codes);
    return merge_short(ids, codes, count);
  }
  std::vector<uint32_t> codes(count, kNoMerge);
  code_all(codes.data());
  return merge_long(ids, codes, nullptr);
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
  std::vector<uint32_t> codes(ids.size() - before, kNoMerge);
  for (size_t i = 0; i + 1 < codes.size(); ++i) codes[i] = merges_.code(ids[before + i], ids[before + i + 1]);
  const size_t count = merge_long(ids.data() + before, codes, widths.data() + before);
  ids.resize(before + count);
  widths.resize(before + count);
}

size_t Bpe::merge_short(uint32_t* ids, uint32_t* codes, size_t count) const {
  while (count > 1) {
    size_t at = 0;
    uint32_t lowest = codes[0];
    for (size_t i = 1; i + 1 < count; ++i) {
      at = codes[i] < lowest ? i : at;
      lowest = std::min(lowest, codes[i]);
    }
    if (lowest == kNoMerge) break;
    const uint32_t merged = merges_.merged(lowest);  // both look-ups are on their way while the lists close up
    const uint32_t with_next = at + 2 < count ? merges_.code(merged, ids[at + 2]) : kNoMerge;
    const uint32_t with_previous = at > 0 ? merges_.code(ids[at - 1], merged) : kNoMerge;
    --count;
    for (size_t i = at + 1; i < count; ++i) {
      ids[i] = ids[i + 1];
      codes[i - 1] = codes[i];
    }
    ids[at] = merged;
    codes[at] = with_next;
    if (at > 0) codes[at - 1] = with_previous;
  }
  return count;
}

// A linked list of symbols and a heap of (code, position): n log n, so that a word of a megabyte is no attack.
size_t Bpe::merge_long(uint32_t* ids, std::vector<uint32_t>& codes, uint32_t* widths) const {
  const size_t count = codes.size();
  const auto none = static_cast<uint32_t>(count);
  std::vector<uint32_t> next(count), previous(count);
  std::vector<uint64_t> heap;
  heap.reserve(count);
  for (uint32_t i = 0; i < none; ++i) {
    next[i] = i + 1;
    previous[i] = i == 0 ? none : i - 1;
    if (codes[i] != kNoMerge) heap.push_back(uint64_t{codes[i]} << 32 | i);
  }
  const auto later = std::greater<>();
  std::make_heap(heap.begin(), heap.end(), later);
  const auto code_again = [&](uint32_t at) {
    codes[at] = next[at] == none ? kNoMerge : merges_.code(ids[at], ids[next[at]]);
    if (codes[at] == kNoMerge) return;
    heap.push_back(uint64_t{codes[at]} << 32 | at);
    std::push_heap(heap.begin(), heap.end(), later);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto code = static_cast<uint32_t>(heap.back() >> 32), at = static_cast<uint32_t>(heap.back());
    heap.pop_back();
    if (codes[at] != code) continue;  // one of its symbols has been merged away since
    const uint32_t eaten = next[at];
    ids[at] = merges_.merged(code);
    if (widths != nullptr) widths[at] += widths[eaten];
    codes[eaten] = kNoMerge;
    next[at] = next[eaten];
    if (next[at] != none) previous[next[at]] = at;
    code_again(at);
    if (previous[at] != none) code_again(previous[at]);
  }
  size_t kept = 0;
  for (uint32_t at = 0; at != none; at = next[at]) {
    if (widths != nullptr) widths[kept] = widths[at];
    ids[kept++] = ids[at];
  }
  return kept;
}

}  // namespace ayar::text
