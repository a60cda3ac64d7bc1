#include "text/unigram.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

constexpr double kUnknownPenalty = 10;

}  // namespace

Unigram::Unigram(const CompiledImage& image, const Vocabulary& vocabulary, UnigramSettings settings)
    : vocabulary_(vocabulary), settings_(settings), scores_(image.array<double>(Section::scores)) {
  if (scores_.size() != vocabulary.id_count()) throw DamagedImage("scores and tokens differ in number");
  constexpr char kHex[] = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    byte_tokens_[byte] = vocabulary.find(std::string{'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'});
  }
  double least = std::numeric_limits<double>::infinity();
  for (const double score : scores_) least = std::min(least, score);
  unk_score_ = least - kUnknownPenalty;
  grow_trie();
}

// Breadth first over the sorted tokens, so that the children of a node lie side by side.
void Unigram::grow_trie() {
  std::vector<uint32_t> ids;
  for (uint32_t id = 0; id < vocabulary_.id_count(); ++id) {
    if (vocabulary_.has(id)) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end(), [this](uint32_t a, uint32_t b) { return vocabulary_.token(a) < vocabulary_.token(b); });
  struct Pending {
    size_t first, last, depth;
  };
  std::vector<Pending> pending{{0, ids.size(), 0}};
  trie_.push_back({0, 0, kNoToken, 0});
  for (size_t node = 0; node < pending.size(); ++node) {
    auto [first, last, depth] = pending[node];
    while (first < last && vocabulary_.token(ids[first]).size() == depth) trie_[node].id = ids[first++];
    trie_[node].first_child = static_cast<uint32_t>(trie_.size());
    while (first < last) {
      const char byte = vocabulary_.token(ids[first])[depth];
      size_t end = first;
      while (end < last && vocabulary_.token(ids[end])[depth] == byte) ++end;
      trie_.push_back({0, 0, kNoToken, static_cast<uint8_t>(byte)});
      pending.push_back({first, end, depth + 1});
      first = end;
    }
    trie_[node].last_child = static_cast<uint32_t>(trie_.size());
  }
}

void Unigram::encode(std::string_view piece, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const {
  std::vector<Best> best(piece.size() + 1);
  const auto offer = [&](size_t begin, size_t end, uint32_t id, double score) {
    const double total = score + best[begin].score;
    if (best[end].begin < 0 || total > best[end].score) best[end] = {total, id, static_cast<int64_t>(begin)};  // of equals the first
  };
  for (size_t begin = 0; begin < piece.size();) {
    const size_t next = begin + static_cast<size_t>(char_bytes(static_cast<uint8_t>(piece[begin])));
    bool is_known = false;
    uint32_t node = 0;
    for (size_t at = begin; at < piece.size(); ++at) {
      const auto byte = static_cast<uint8_t>(piece[at]);
      const auto children = trie_.begin() + trie_[node].first_child, end = trie_.begin() + trie_[node].last_child;
      const auto child = std::lower_bound(children, end, byte, [](const Node& a, uint8_t b) { return a.byte < b; });
      if (child == end || child->byte != byte) break;
      node = static_cast<uint32_t>(child - trie_.begin());
      if (child->id == kNoToken) continue;
      offer(begin, at + 1, child->id, scores_[child->id]);
      is_known = is_known || at + 1 == next;
    }
    if (!is_known) offer(begin, next, settings_.unk_id, unk_score_);
    begin = next;
  }
  std::vector<size_t> cuts;  // from the end; unknown characters side by side are one
  size_t unknown_end = 0;
  for (size_t end = piece.size(); end > 0; end = static_cast<size_t>(best[end].begin)) {
    const bool is_unknown = best[end].id == settings_.unk_id;
    if (!is_unknown || unknown_end == 0) cuts.push_back(end);
    unknown_end = is_unknown ? end : 0;
  }
  size_t begin = 0;
  for (size_t i = cuts.size(); i-- > 0; begin = cuts[i]) {
    append(piece.substr(begin, cuts[i] - begin), vocabulary_.find(piece.substr(begin, cuts[i] - begin)), ids, widths);
  }
}

void Unigram::append(std::string_view text, uint32_t id, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const {
  bool falls_back = id == kNoToken && settings_.byte_fallback;
  for (const char byte : text) falls_back = falls_back && byte_tokens_[static_cast<uint8_t>(byte)] != kNoToken;
  if (falls_back) {
    for (const char byte : text) {
      ids.push_back(byte_tokens_[static_cast<uint8_t>(byte)]);
      widths.push_back(0);
    }
    widths.back() = static_cast<uint32_t>(text.size());
    return;
  }
  if (id == kNoToken) id = settings_.unk_id;
  if (id == kNoToken) throw std::invalid_argument("a character has no token and the model has none for unknown ones");
  ids.push_back(id);
  widths.push_back(static_cast<uint32_t>(text.size()));
}

}  // namespace ayar::text
