// Seeded nasty bytes for the fuzz drivers: fragments joined, cut, repeated, and bytes flipped. The same seed gives the same text
// everywhere.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Ends the run with the seed that repeats it.
#define FUZZ_CHECK(condition) \
  ((condition) ? (void)0      \
               : (std::fprintf(stderr, "%s:%d: %s fails for iteration %lld\n", __FILE__, __LINE__, #condition, iteration), std::abort()))

class Mutator {
 public:
  Mutator(std::vector<std::string_view> fragments, uint64_t seed) : fragments_(std::move(fragments)), state_(seed * 2 + 1) {}

  uint64_t next() {  // splitmix64
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  size_t below(size_t limit) { return next() % limit; }

  std::string text() {
    std::string text;
    for (size_t pieces = below(20); pieces > 0; --pieces) {
      const std::string_view fragment = fragments_[below(fragments_.size())];
      for (size_t times = below(8) == 0 ? below(12) : 1; times > 0; --times)
        text += fragment.substr(0, below(9) == 0 ? below(fragment.size() + 1) : fragment.size());
    }
    for (size_t flips = below(4) == 0 ? below(4) : 0; flips > 0 && !text.empty(); --flips)
      text[below(text.size())] = static_cast<char>(next());
    return text;
  }

 private:
  std::vector<std::string_view> fragments_;
  uint64_t state_;
};

// The text in a block of its own, so that a read one byte past its end is seen.
struct Exact {
  explicit Exact(std::string_view text) : bytes(new char[text.size()]), size(text.size()) { text.copy(bytes.get(), size); }
  std::string_view view() const { return {bytes.get(), size}; }
  std::unique_ptr<char[]> bytes;
  size_t size;
};

inline long long iterations(int argc, char** argv) {
  return argc > 1 ? std::atoll(argv[1]) : 100'000;
}
