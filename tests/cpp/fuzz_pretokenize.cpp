// sources: csrc/text/block_masks.cpp csrc/text/block_splitter.cpp csrc/text/block_utf8.cpp csrc/text/pretokenize.cpp csrc/text/utf8.cpp
// sources: csrc/core/cpu_features.cpp
// The algebra over blocks cuts every text where the plain version cuts it, for every family and instruction set, and reads nothing behind
// it.
#include "mutation.hpp"
#include "text/block_splitter.hpp"
#include "text/block_utf8.hpp"
#include "text/utf8.hpp"

namespace {

using namespace ayar::text;
using Ends = std::vector<uint32_t>;

std::string well_formed(std::string text) {
  std::string repaired;
  return ayar::utf8::repair(text, repaired) ? repaired : text;
}

void check(const std::vector<Cut>& cuts, AsciiMasksOf masks, const std::string& text, long long iteration) {
  const Exact exact(text);
  const auto* const begin = reinterpret_cast<const uint8_t*>(exact.view().data());
  Ends want, got;
  Pretokenizer{cuts}.split(begin, begin + text.size(),
                           [&](const uint8_t*, const uint8_t* end) { want.push_back(static_cast<uint32_t>(end - begin)); });
  std::vector<uint32_t> room(BlockSplitter::kEnds);
  BlockSplitter(*family_of(cuts), masks)
      .split(begin, begin + text.size(), room.data(), &got, [](void* context, const uint32_t* ends, size_t count) {
        auto& all = *static_cast<Ends*>(context);
        all.insert(all.end(), ends, ends + count);
      });
  FUZZ_CHECK(got == want);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::string_view_literals;
  Mutator mutator({"a",
                   "b",
                   "A",
                   "Z",
                   "s",
                   "t",
                   "S",
                   "LL",
                   "ll",
                   "re",
                   "ve",
                   "d",
                   " ",
                   "  ",
                   "\t",
                   "\n",
                   "\r\n",
                   "\n\n",
                   "1",
                   "12",
                   "123",
                   "4567",
                   "'",
                   "'s",
                   "'S",
                   "'ll",
                   "don't",
                   "é",
                   "ş",
                   "İ",
                   "ſ",
                   "'ſ",
                   "ʰ",
                   "ª",
                   "ǅ",
                   "中",
                   "龥",
                   "龦",
                   "・",
                   "カ",
                   "ー",
                   "゠",
                   "क",
                   "़",
                   "\xC2\xA0",
                   "\xE2\x80\xA8",
                   "\xE3\x80\x80",
                   "😀",
                   "\xCC\x81",
                   ".",
                   "...",
                   "(",
                   "\"",
                   "/",
                   "//",
                   "\n/",
                   "\x01",
                   "\x7F",
                   "\xE2\x80\x9C",
                   "—",
                   "²",
                   "Ⅸ",
                   "٣",
                   "\xF0\x91\xB7\xA0",
                   "\xE2\x80\x8D",
                   "\xF3\xA0\x80\x81",
                   "Hello world, ",
                   "HTMLParser",
                   "helloWorld",
                   "                                                                        ",
                   "Жизнь",
                   "ğüşöçı",
                   "\n    ",
                   "\n        return x;",
                   "'s's",
                   "''",
                   "\0"sv,
                   "\xFF",
                   "\xE2\x82",
                   "\xED\xA0\x80",
                   "\xC0\x80",
                   "\xF4\x90\x80\x80",
                   "\xE0\x9F\x80",
                   "\xF0\x8F\x80\x80",
                   "\x80"},
                  3);
  const std::vector<std::vector<Cut>> families = {{Cut::gpt2},
                                                  {Cut::digits_single, Cut::gpt2},
                                                  {Cut::llama3},
                                                  {Cut::qwen2},
                                                  {Cut::o200k},
                                                  {Cut::tekken},
                                                  {Cut::number_triples, Cut::cjk_runs, Cut::deepseek}};
  const std::vector<AsciiMasksOf> masks = supported_ascii_masks();
  const long long count = iterations(argc, argv);
  for (long long iteration = 0; iteration < count; ++iteration) {
    std::string text = mutator.text();
    if (mutator.below(3) == 0) text += mutator.text() + mutator.text();  // of several blocks
    FUZZ_CHECK(is_well_formed(text) == (ayar::utf8::find_ill_formed(text.data(), text.data() + text.size()) == text.data() + text.size()));
    text = well_formed(text);
    for (const std::vector<Cut>& cuts : families) check(cuts, masks[mutator.below(masks.size())], text, iteration);
  }
  std::printf("fuzz_pretokenize: %lld texts\n", count);
}
