// sources: csrc/text/added_tokens.cpp csrc/text/block_masks.cpp csrc/text/block_splitter.cpp csrc/text/block_utf8.cpp csrc/text/bpe.cpp
// sources: csrc/text/byte_alphabet.cpp csrc/text/compiled_image.cpp csrc/text/compiled_vocabulary.cpp csrc/text/encoder.cpp
// sources: csrc/text/merge_table.cpp csrc/text/normalizer.cpp csrc/text/normalizer_aligned.cpp csrc/text/piece_cache.cpp
// sources: csrc/text/pretokenize.cpp csrc/text/pretokenize_steps.cpp csrc/text/sentencepiece_cuts.cpp csrc/text/tokenizer.cpp
// sources: csrc/text/unigram.cpp csrc/text/utf8.cpp csrc/text/wordpiece.cpp csrc/core/cpu_features.cpp csrc/core/thread_pool.cpp
// sources: csrc/core/errors.cpp
// Random small tokenizers over any bytes: merges equal the obvious algorithm, a batch equals its rows, ids without
// spans (the fast way) equal ids with them (the general way), spans lie on characters of the text, decoding gives the (repaired) text back,
// and nothing reads past its end. A compiled image with flipped bytes is refused or works.
#include <algorithm>
#include <cstring>
#include <map>

#include "mutation.hpp"
#include "text/byte_alphabet.hpp"
#include "text/tokenizer.hpp"
#include "text/utf8.hpp"

namespace {

using namespace ayar::text;

using Merges = std::map<std::pair<uint32_t, uint32_t>, std::pair<size_t, uint32_t>>;  // pair → rank and result; the later duplicate wins

struct Made {
  std::vector<VocabularyEntry> vocabulary;
  std::vector<std::pair<std::string, std::string>> pairs;
  TokenizerSettings settings;
  Merges merges;
  bool is_byte_level = true;
  bool is_invertible = true;  // every byte has a token, and added tokens decode to the text that they matched
};

std::string byte_name(int byte) {
  char name[8];
  std::snprintf(name, sizeof name, "<0x%02X>", byte);
  return name;
}

const std::vector<std::vector<Cut>>& cut_lists() {
  static const std::vector<std::vector<Cut>> lists = {{},
                                                      {Cut::gpt2},
                                                      {Cut::digits_single, Cut::gpt2},
                                                      {Cut::digit_runs, Cut::gpt2},
                                                      {Cut::llama3},
                                                      {Cut::qwen2},
                                                      {Cut::o200k},
                                                      {Cut::tekken},
                                                      {Cut::number_triples, Cut::cjk_runs, Cut::deepseek}};
  return lists;
}

void choose_byte_level(Made& made, Mutator& random) {
  for (const Cut cut : cut_lists()[random.below(cut_lists().size())]) made.settings.splits.push_back({.kind = StepKind::cut, .cut = cut});
  made.settings.splits.push_back({.kind = StepKind::byte_level, .prefix_space = random.below(8) == 0});
  if (random.below(3) == 0) made.settings.normalizer.push_back({Normal::nfc});
  made.is_invertible = made.is_invertible && made.settings.normalizer.empty() && !made.settings.splits.back().prefix_space;
}

void choose_sentencepiece(Made& made, Mutator& random) {
  made.is_invertible = false;
  const size_t kind = random.below(4);
  if (kind == 0) made.settings.normalizer.push_back({Normal::prepend, "", "▁"});
  if (kind < 2) {
    made.settings.normalizer.push_back({Normal::replace, " ", "▁"});
  } else {
    made.settings.splits.push_back(
        {.kind = StepKind::metaspace, .prepend = static_cast<Prepend>(random.below(3)), .splits = random.below(2) == 0});
  }
}

Made make(Mutator& random) {
  Made made;
  made.is_byte_level = random.below(2) == 0;
  std::map<std::string, uint32_t> ids;
  std::vector<std::string> tokens;
  const auto add = [&](const std::string& token) {
    if (ids.emplace(token, static_cast<uint32_t>(tokens.size())).second) tokens.push_back(token);
  };
  made.is_invertible = random.below(3) != 0;
  for (int byte = 0; byte < 256; ++byte) {
    if (made.is_invertible || random.below(10) != 0)
      add(made.is_byte_level ? character_of_byte(static_cast<uint8_t>(byte)) : byte_name(byte));
  }
  const std::vector<std::string> usual = made.is_byte_level ? std::vector<std::string>{"a", "b", "s", "t", "Ġ", "1", "e", "'", "Ã", "©"}
                                                            : std::vector<std::string>{"a", "b", "s", "t", "▁", "1", "é", "'", "中", "ş"};
  if (!made.is_byte_level) {
    for (const std::string& letter : usual) add(letter);
    add("<unk>");
  }
  for (size_t count = random.below(80); count > 0; --count) {
    const auto pick = [&] {
      const std::string& letter = usual[random.below(usual.size())];
      return random.below(3) != 0 && ids.count(letter) != 0 ? letter : tokens[random.below(tokens.size())];
    };
    const std::string left = pick(), right = pick();
    if (left.size() + right.size() > 40) continue;
    if (!made.is_byte_level && random.below(8) != 0 && (left[0] == '<' || right[0] == '<')) continue;
    add(left + right);
    made.merges[{ids[left], ids[right]}] = {made.pairs.size(), ids[left + right]};
    made.pairs.emplace_back(left, right);
  }
  for (const auto& [token, id] : ids) made.vocabulary.push_back({token, id});
  auto next_id = static_cast<uint32_t>(tokens.size());
  for (const char* content : {"<s>", "<s", "é", "\n\n", "ab "}) {
    if (random.below(3) != 0) continue;
    auto& list = random.below(2) == 0 ? made.settings.raw_added : made.settings.normalized_added;
    const bool lstrip = random.below(4) == 0 && content[0] != '\n';
    list.push_back({content, next_id++, random.below(4) == 0, lstrip, false});
    if (lstrip || std::string_view(content) == "é") made.is_invertible = false;  // é stands for the byte E9 in the alphabet
  }
  BpeSettings bpe{.is_byte_level = made.is_byte_level, .fuse_unk = random.below(2) == 0};
  if (!made.is_byte_level) {
    bpe.byte_fallback = random.below(6) != 0;
    bpe.unk_id = random.below(4) != 0 ? ids["<unk>"] : kNoToken;
  }
  made.settings.model = bpe;
  made.is_byte_level ? choose_byte_level(made, random) : choose_sentencepiece(made, random);
  made.settings.trim = {random.below(3) == 0, random.below(2) == 0};
  return made;
}

std::vector<uint64_t> image_of(const Made& made) {
  ImageBuilder builder;
  Vocabulary::build(made.vocabulary, builder);
  Bpe::build(made.vocabulary, made.pairs, builder);
  SentencePieceCuts::build(made.pairs, builder);
  return builder.finish({1, 2});
}

std::unique_ptr<Tokenizer> tokenizer_of(const Made& made) {
  auto image = CompiledImage::own(image_of(made));
  const Tokenizer plain(image, made.settings);
  ImageBuilder builder;
  builder.add_all_but(Section::seed_slots, *image);
  const std::vector<PieceSlot> seeds = plain.seeds({"a", "ab", " ", " ab", "st", "stab", "'s", "1", "é", "  "});
  builder.add<PieceSlot>(Section::seed_slots, seeds);
  return std::make_unique<Tokenizer>(CompiledImage::own(builder.finish({1, 2})), made.settings);
}

// Flips bytes of an image, mends its checksum, and encodes with what is left where it is not refused.
void check_damaged(const Made& made, Mutator& random, const std::string& text) {
  std::vector<uint64_t> words = image_of(made);
  auto* const bytes = reinterpret_cast<uint8_t*>(words.data());
  const size_t size = words.size() * 8;
  const size_t header = 48;  // magic, format, size, source, checksum
  for (size_t flips = 1 + random.below(3); flips > 0; --flips)
    bytes[header + random.below(size - header)] ^= static_cast<uint8_t>(1 << random.below(8));
  const uint64_t checksum = digest_of({reinterpret_cast<const char*>(bytes) + header, size - header})[0];
  std::memcpy(bytes + header - 8, &checksum, 8);
  try {
    const Tokenizer damaged(CompiledImage::own(std::move(words)), made.settings);
    const int64_t ends[2] = {0, static_cast<int64_t>(text.size())};
    const auto* const data = reinterpret_cast<const uint8_t*>(text.data());
    damaged.encode_batch(data, data + text.size(), ends, 1, false);
    damaged.encode_batch(data, data + text.size(), ends, 1, true);
  } catch (const DamagedImage&) {
  } catch (const std::invalid_argument&) {
  }
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
  if (!made.is_byte_level) return;
  std::map<char, uint32_t> id_of_byte;
  for (const VocabularyEntry& entry : made.vocabulary) {
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
  const TokenBatch batch = tokenizer.encode_batch(bytes, bytes + joined.size(), offsets.data(), static_cast<int64_t>(rows.size()), true);
  for (size_t row = 0; row < rows.size(); ++row) {
    const Exact alone(rows[row]);
    const int64_t ends[2] = {0, static_cast<int64_t>(rows[row].size())};
    const auto* const begin = reinterpret_cast<const uint8_t*>(alone.view().data());
    const TokenBatch one = tokenizer.encode_batch(begin, begin + rows[row].size(), ends, 1, false);
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
                   "・",
                   "▁",
                   "HTMLParser",
                   "aBʰc",
                   "\n/",
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
      tokenizer = tokenizer_of(made);
    }
    std::vector<std::string> rows(1 + mutator.below(4));
    for (std::string& row : rows) row = mutator.text();
    check_text(made, *tokenizer, rows, iteration);
    check_merges(made, *tokenizer, rows[0].substr(0, 400), iteration);
    if (iteration % 7 == 0) check_damaged(made, mutator, rows[0].substr(0, 200));
  }
  std::printf("fuzz_tokenizer: %lld batches\n", count);
}
