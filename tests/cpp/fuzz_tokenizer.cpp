// sources: csrc/text/added_tokens.cpp csrc/text/bpe.cpp csrc/text/byte_alphabet.cpp csrc/text/encoder.cpp csrc/text/piece_cache.cpp
// sources: csrc/text/pretokenize.cpp csrc/text/tokenizer.cpp csrc/text/utf8.cpp csrc/core/thread_pool.cpp csrc/core/errors.cpp
// Random small tokenizers over any bytes: merges equal the obvious algorithm, a batch equals its rows, spans lie on characters of the text,
// decoding gives the (repaired) text back, and nothing reads past its end.
#include <algorithm>
#include <map>

#include "mutation.hpp"
#include "text/byte_alphabet.hpp"
#include "text/tokenizer.hpp"
#include "text/utf8.hpp"

namespace {

using namespace ayar::text;

struct Made {
  TokenizerParts parts;
  std::map<std::pair<uint32_t, uint32_t>, std::pair<size_t, uint32_t>> merges;  // pair → rank and result; the later duplicate wins
  bool is_invertible;  // every byte has a token, and added tokens decode to the text that they matched
};

Made make(Mutator& random) {
  Made made;
  std::map<std::string, uint32_t> ids;
  std::vector<std::string> tokens;
  const auto add = [&](const std::string& token) {
    if (ids.emplace(token, static_cast<uint32_t>(tokens.size())).second) tokens.push_back(token);
  };
  made.is_invertible = random.below(3) != 0;
  for (int byte = 0; byte < 256; ++byte) {
    if (made.is_invertible || random.below(10) != 0) add(character_of_byte(static_cast<uint8_t>(byte)));
  }
  for (size_t count = random.below(80); count > 0; --count) {
    const auto pick = [&] {
      const std::string_view usual = "abst 1e'";
      const std::string letter = character_of_byte(static_cast<uint8_t>(usual[random.below(usual.size())]));
      return random.below(3) != 0 && ids.count(letter) != 0 ? letter : tokens[random.below(tokens.size())];
    };
    const std::string left = pick(), right = pick();
    if (left.size() + right.size() > 40) continue;
    add(left + right);
    made.merges[{ids[left], ids[right]}] = {made.parts.merges.size(), ids[left + right]};
    made.parts.merges.emplace_back(left, right);
  }
  for (const auto& [token, id] : ids) made.parts.vocabulary.push_back({token, id});
  auto next_id = static_cast<uint32_t>(tokens.size());
  for (const char* content : {"<s>", "<s", "é", "\n\n", "ab "}) {
    if (random.below(3) != 0) continue;
    auto& list = random.below(2) == 0 ? made.parts.raw_added : made.parts.normalized_added;
    const bool lstrip = random.below(4) == 0 && content[0] != '\n';
    list.push_back({content, next_id++, random.below(4) == 0, lstrip, false});
    if (lstrip || std::string_view(content) == "é") made.is_invertible = false;  // é stands for the byte E9 in the alphabet
  }
  made.parts.pretokenizer = {static_cast<Digits>(random.below(3)), static_cast<Pattern>(random.below(4))};
  made.parts.trim = {random.below(3) == 0, random.below(2) == 0};
  return made;
}

// The definition: merge the pair of lowest rank, leftmost first, and begin again.
std::vector<uint32_t> merged_plainly(const Made& made, std::vector<uint32_t> ids) {
  for (;;) {
    size_t best_rank = SIZE_MAX, at = 0;
    uint32_t result = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = made.merges.find({ids[i], ids[i + 1]});
      if (found == made.merges.end() || found->second.first >= best_rank) continue;
      best_rank = found->second.first;
      result = found->second.second;
      at = i;
    }
    if (best_rank == SIZE_MAX) return ids;
    ids[at] = result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

void check_merges(const Made& made, const Tokenizer& tokenizer, std::string_view piece, long long iteration) {
  std::map<char, uint32_t> id_of_byte;
  for (const VocabularyEntry& entry : made.parts.vocabulary) {
    const std::string bytes = *bytes_of_token(entry.token);
    if (bytes.size() == 1) id_of_byte[bytes[0]] = entry.id;
  }
  std::vector<uint32_t> symbols, ids(piece.size() + 4);
  for (const char byte : piece) {
    if (id_of_byte.count(byte) != 0) symbols.push_back(id_of_byte[byte]);
  }
  ids.resize(tokenizer.bpe().encode(piece, ids.data()));
  FUZZ_CHECK(ids == merged_plainly(made, symbols));
}

void check_text(const Made& made, const Tokenizer& tokenizer, const std::vector<std::string>& rows, long long iteration) {
  std::string joined;
  std::vector<int64_t> offsets{0};
  for (const std::string& row : rows) {
    joined += row;
    offsets.push_back(static_cast<int64_t>(joined.size()));
  }
  const Exact data(joined);
  const auto* const bytes = reinterpret_cast<const uint8_t*>(data.view().data());
  const TokenBatch batch = tokenizer.encode_batch(bytes, offsets.data(), static_cast<int64_t>(rows.size()), true);
  for (size_t row = 0; row < rows.size(); ++row) {
    const Exact alone(rows[row]);
    const int64_t ends[2] = {0, static_cast<int64_t>(rows[row].size())};
    const TokenBatch one = tokenizer.encode_batch(reinterpret_cast<const uint8_t*>(alone.view().data()), ends, 1, false);
    const uint32_t* const first = batch.ids.get() + batch.row_offsets[row];
    const int64_t count = batch.row_offsets[row + 1] - batch.row_offsets[row];
    FUZZ_CHECK(count == one.row_offsets[1] && std::equal(first, first + count, one.ids.get()));

    std::string text;
    if (!ayar::utf8::repair(rows[row], text)) text = rows[row];
    const auto is_border = [&](int32_t at) {
      return at == static_cast<int32_t>(text.size()) || (text[static_cast<size_t>(at)] & 0xC0) != 0x80;
    };
    for (int64_t i = batch.row_offsets[row]; i < batch.row_offsets[row + 1]; ++i) {
      const ByteSpan span = batch.spans[static_cast<size_t>(i)];
      FUZZ_CHECK(0 <= span.begin && span.begin <= span.end && span.end <= static_cast<int32_t>(text.size()));
      FUZZ_CHECK(is_border(span.begin) && is_border(span.end));
    }
    if (made.is_invertible) {
      const std::vector<int32_t> ids(first, first + count);
      FUZZ_CHECK(tokenizer.decode(ids.data(), ids.size(), false) == text);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::string_view_literals;
  Mutator mutator({"a",
                   "b",
                   "s",
                   "t",
                   "ab",
                   "st",
                   " ",
                   "  ",
                   "\t",
                   "\n",
                   "\r\n",
                   "1",
                   "12",
                   "'",
                   "'s",
                   "'ll",
                   "'re",
                   "é",
                   "ş",
                   "İ",
                   "\xC2\xA0",
                   "\xE2\x80\xA8",
                   "\xE3\x80\x80",
                   "中",
                   "😀",
                   "<s>",
                   "<s",
                   "ab ",
                   "\xCC\x81",
                   ".",
                   "...",
                   "\0"sv,
                   "\x04",
                   "\xF0\x90\x91\x86",
                   "\xF1\x80\x80\x80",
                   "\xFF",
                   "ſ",
                   "\xC0\x80",
                   "\xED\xA0\x80",
                   "\xF0\x9F",
                   "\xE2\x82",
                   "stabstabstabstabstabstabstabst",
                   "Hello world, "},
                  2);
  const long long count = iterations(argc, argv);
  std::unique_ptr<Tokenizer> tokenizer;
  Made made;
  for (long long iteration = 0; iteration < count; ++iteration) {
    if (iteration % 50 == 0) {
      tokenizer.reset();
      made = make(mutator);
      tokenizer = std::make_unique<Tokenizer>(made.parts);
    }
    std::vector<std::string> rows(1 + mutator.below(4));
    for (std::string& row : rows) row = mutator.text();
    check_text(made, *tokenizer, rows, iteration);
    check_merges(made, *tokenizer, rows[0].substr(0, 400), iteration);
  }
  std::printf("fuzz_tokenizer: %lld batches\n", count);
}
