// sources: csrc/text/minhash/*.cpp csrc/text/code_points.cpp csrc/core/*.cpp
// Near-duplicates of any bytes: signatures equal those of one plain loop, similarity equals that of sorted sets, every answer is true.
#include <algorithm>
#include <iterator>

#include "mutation.hpp"
#include "text/minhash/near_duplicates.hpp"
#include "text/minhash/signatures.hpp"

namespace {

std::vector<uint64_t> sorted_set(ayar::Shingler& shingler, std::string_view text) {
  std::vector<uint64_t> set = shingler.shingles(text);
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
  return set;
}

double plain_similarity(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  std::vector<uint64_t> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(a.size() + b.size() - both.size());
}

}  // namespace

int main(int argc, char** argv) {
  Mutator mutator({"a", "b", " ", "  ", "\t", "card ", "lost ", "ş", "İ", "中", "\xE2\x80\xA8", "\xC2\xA0", "👍", "\xFF", "\xE2\x82",
                   "the card was lost ", "\0x", "aaaaaaaaaaaaaaaa"},
                  3);
  const ayar::Permutations permutations(32, 5);
  const long long count = iterations(argc, argv) / 20;
  for (long long iteration = 0; iteration < count; ++iteration) {
    const ayar::ShingleKind kind{mutator.below(2) == 0 ? ayar::ShingleUnit::words : ayar::ShingleUnit::characters,
                                 static_cast<int>(1 + mutator.below(ayar::kMaxShingleWidth))};
    std::string bytes;
    std::vector<int64_t> offsets{0};
    for (size_t rows = mutator.below(12); rows > 0; --rows) {
      bytes += mutator.below(3) == 0 && offsets.size() > 1 ? bytes.substr(static_cast<size_t>(offsets[mutator.below(offsets.size())]))
                                                           : mutator.text();
      offsets.push_back(static_cast<int64_t>(bytes.size()));
    }
    const Exact exact(bytes);
    const int64_t rows = static_cast<int64_t>(offsets.size()) - 1;
    const ayar::TextBatch batch(exact.bytes.get(), offsets.data(), rows);
    std::vector<uint32_t> signatures(static_cast<size_t>(rows * 32));
    ayar::minhash_signatures(batch, kind, permutations, signatures.data());
    ayar::Shingler shingler(kind);
    ayar::JaccardMeter meter(kind);
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<uint32_t> signature(32);
      permutations.least(sorted_set(shingler, batch[row]), signature.data());
      FUZZ_CHECK(std::equal(signature.begin(), signature.end(), signatures.begin() + row * 32));
    }
    const double threshold = 0.3 + 0.1 * static_cast<double>(mutator.below(8));
    const std::vector<int64_t> original = ayar::find_near_duplicates(batch, kind, threshold, 128, mutator.next());
    for (int64_t row = 0; row < rows; ++row) {
      const std::vector<uint64_t> set = sorted_set(shingler, batch[row]);
      for (int64_t other = 0; other <= row; ++other)
        FUZZ_CHECK(meter.similarity(batch[row], batch[other]) == plain_similarity(set, sorted_set(shingler, batch[other])));
      const int64_t found = original[static_cast<size_t>(row)];
      FUZZ_CHECK(found < row);
      if (found >= 0) FUZZ_CHECK(original[static_cast<size_t>(found)] < 0 && meter.similarity(batch[row], batch[found]) >= threshold);
    }
  }
  std::printf("fuzz_minhash: %lld batches\n", count);
}
