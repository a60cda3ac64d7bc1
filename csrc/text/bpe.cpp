#include "text/bpe.hpp"

#include <algorithm>
#include <stdexcept>

#include "text/byte_alphabet.hpp"

namespace ayar::text {
namespace {

constexpr uint32_t kNoToken = StringIndex::kAbsent;
constexpr uint32_t kNoMerge = MergeTable::kNoMerge;
constexpr size_t kShort = 48;  // symbols up to which a plain scan beats a heap

}  // namespace

Bpe::Bpe(const std::vector<VocabularyEntry>& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges, bool ignore_merges)
    : ignore_merges_(ignore_merges), merges_(merges.size()), id_of_bytes_(ignore_merges ? vocabulary.size() : 0) {
  if (merges.size() > MergeTable::kMaxMerges) throw std::invalid_argument("more than 4,194,303 merges");
  StringIndex id_of_token(vocabulary.size());
  for (const VocabularyEntry& entry : vocabulary) {
    if (entry.id >= MergeTable::kMaxIds) throw std::invalid_argument("token id " + std::to_string(entry.id) + " is over 2,097,151");
    if (!id_of_token.insert(entry.token, entry.id)) throw std::invalid_argument("a token is listed twice in the vocabulary");
    id_count_ = std::max(id_count_, entry.id + 1);
  }
  bytes_of_id_.resize(id_count_);
  is_token_.resize(id_count_);
  for (const VocabularyEntry& entry : vocabulary) {
    if (is_token_[entry.id]) throw std::invalid_argument("two tokens have id " + std::to_string(entry.id));
    is_token_[entry.id] = true;
    bytes_of_id_[entry.id] = bytes_of_token(entry.token).value_or(entry.token);
  }
  if (ignore_merges) {
    for (const VocabularyEntry& entry : vocabulary) {
      if (bytes_of_token(entry.token)) id_of_bytes_.insert(bytes_of_id_[entry.id], entry.id);
    }
  }
  for (int byte = 0; byte < 256; ++byte) id_of_byte_[byte] = id_of_token.find(character_of_byte(static_cast<uint8_t>(byte)));
  std::string joined;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    joined.assign(left).append(right);
    const uint32_t left_id = id_of_token.find(left), right_id = id_of_token.find(right), merged_id = id_of_token.find(joined);
    if (left_id == kNoToken || right_id == kNoToken || merged_id == kNoToken) {
      throw std::invalid_argument("merge " + std::to_string(rank) + " names a token that is not in the vocabulary");
    }
    merges_.insert(left_id, right_id, static_cast<uint32_t>(rank), merged_id);
  }
}

size_t Bpe::encode(std::string_view piece, uint32_t* ids) const {
  if (ignore_merges_) {
    const uint32_t whole = id_of_bytes_.find(piece);
    if (whole != kNoToken) {
      ids[0] = whole;
      return 1;
    }
  }
  size_t count = 0;
  for (const char byte : piece) {
    const uint32_t id = id_of_byte_[static_cast<uint8_t>(byte)];
    if (id != kNoToken) ids[count++] = id;
  }
  return count <= kShort ? merge_short(ids, count) : merge_long(ids, count);
}

size_t Bpe::merge_short(uint32_t* ids, size_t count) const {
  uint32_t ranks[kShort];  // ranks[i]: merge of symbols i and i + 1
  for (size_t i = 0; i + 1 < count; ++i) ranks[i] = merges_.rank(ids[i], ids[i + 1]);
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
size_t Bpe::merge_long(uint32_t* ids, size_t count) const {
  const auto none = static_cast<uint32_t>(count);
  std::vector<uint32_t> ranks(count, kNoMerge), next(count), previous(count);
  std::vector<uint64_t> heap;
  heap.reserve(count);
  for (uint32_t i = 0; i < none; ++i) {
    next[i] = i + 1;
    previous[i] = i == 0 ? none : i - 1;
    if (i + 1 < none) ranks[i] = merges_.rank(ids[i], ids[i + 1]);
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
    ranks[eaten] = kNoMerge;
    next[at] = next[eaten];
    if (next[at] != none) previous[next[at]] = at;
    rank_again(at);
    if (previous[at] != none) rank_again(previous[at]);
  }
  size_t kept = 0;
  for (uint32_t at = 0; at != none; at = next[at]) ids[kept++] = ids[at];
  return kept;
}

}  // namespace ayar::text
