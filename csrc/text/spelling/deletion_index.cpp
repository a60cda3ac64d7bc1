#include "text/spelling/deletion_index.hpp"

#include <algorithm>
#include <bit>

#include "text/minhash/mixing.hpp"

namespace ayar {
namespace {

constexpr uint64_t kBase = 0x9E3779B97F4A7C15;

// Calls body(hash) for the word's prefix and every string that it becomes by up to `deletions` (1 or 2) deletions; some may come twice.
template <class Body>
void for_each_deletion(const Word& word, int deletions, int prefix, const Body& body) {
  const int size = std::min(word.size, prefix);
  uint64_t power[kMaxLetters + 1], behind[kMaxLetters + 1];  // behind[i]: polynomial of the letters from i on
  power[0] = 1;
  for (int i = 0; i < size; ++i) power[i + 1] = power[i] * kBase;
  behind[size] = 0;
  for (int i = size - 1; i >= 0; --i) behind[i] = word[i] * power[size - 1 - i] + behind[i + 1];
  body(mix64(behind[0]));
  uint64_t before = 0;  // polynomial of the letters before `out`
  for (int out = 0; out < size; ++out) {
    if (out == 0 || word[out] != word[out - 1]) {
      body(mix64(before * power[size - 1 - out] + behind[out + 1]));
      uint64_t middle = before;
      for (int second = out + 1; deletions == 2 && second < size; ++second) {
        body(mix64(middle * power[size - 1 - second] + behind[second + 1]));
        middle = middle * kBase + word[second];
      }
    }
    before = before * kBase + word[out];
  }
}

}  // namespace

DeletionIndex::DeletionIndex(const Lexicon& lexicon, int32_t words, int deletions, int prefix) : deletions_(deletions), prefix_(prefix) {
  AYAR_REQUIRE((deletions == 1 || deletions == 2) && prefix > deletions);
  words = std::min(words, lexicon.size());
  AYAR_REQUIRE(words < 1 << kIdBits);
  size_t count = 0;
  for (int32_t id = 0; id < words; ++id) for_each_deletion(lexicon.word(id), deletions, prefix, [&](uint64_t) { ++count; });
  const size_t buckets = std::bit_ceil(count / 2 + 1);
  begins_.assign(buckets + 1, 0);
  const auto bucket = [&](uint64_t hash) { return hash >> kBucketShift & (buckets - 1); };
  for (int32_t id = 0; id < words; ++id)
    for_each_deletion(lexicon.word(id), deletions, prefix, [&](uint64_t hash) { ++begins_[bucket(hash) + 1]; });
  for (size_t i = 0; i < buckets; ++i) begins_[i + 1] += begins_[i];
  entries_.resize(count);
  std::vector<uint32_t> next(begins_.begin(), begins_.end() - 1);
  for (int32_t id = 0; id < words; ++id) {
    for_each_deletion(lexicon.word(id), deletions, prefix, [&](uint64_t hash) {
      entries_[next[bucket(hash)]++] = static_cast<uint32_t>(hash & 0xFF) << kIdBits | static_cast<uint32_t>(id);
    });
  }
}

void DeletionIndex::candidates(const Word& typed, std::vector<int32_t>& ids) const {
  const size_t known = ids.size(), mask = begins_.size() - 2;
  for_each_deletion(typed, deletions_, prefix_, [&](uint64_t hash) {
    const size_t bucket = hash >> kBucketShift & mask;
    for (uint32_t entry = begins_[bucket]; entry < begins_[bucket + 1]; ++entry)
      if (entries_[entry] >> kIdBits == (hash & 0xFF)) ids.push_back(static_cast<int32_t>(entries_[entry] & ((1u << kIdBits) - 1)));
  });
  std::sort(ids.begin() + static_cast<std::ptrdiff_t>(known), ids.end());
  ids.erase(std::unique(ids.begin() + static_cast<std::ptrdiff_t>(known), ids.end()), ids.end());
}

}  // namespace ayar
