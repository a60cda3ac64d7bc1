// Symmetric deletion (Garbe 2012): two words within d edits of each other share a string that each becomes by at most d deletions.
// So the strings of all listed words are kept by hash, and a typed word looks up its own. Flat arrays, 4 bytes an entry.
#pragma once

#include <cstdint>
#include <vector>

#include "text/spelling/lexicon.hpp"

namespace ayar {

class DeletionIndex {
 public:
  // Indexes the first `words` of the lexicon; only the first `prefix` letters of a word are deleted from and compared.
  DeletionIndex(const Lexicon& lexicon, int32_t words, int deletions, int prefix);

  // Appends the ids of words that may be within `deletions` edits: all that are, and some that are not. Sorted, none twice.
  void candidates(const Word& typed, std::vector<int32_t>& ids) const;

 private:
  static constexpr int kIdBits = 24, kBucketShift = 8;

  int deletions_, prefix_;
  std::vector<uint32_t> begins_;   // [buckets + 1]
  std::vector<uint32_t> entries_;  // a byte of the hash, and the id
};

}  // namespace ayar
