#include "text/wordpiece.hpp"

#include <algorithm>
#include <utility>

#include "text/valid_utf8.hpp"

namespace ayar::text {

WordPiece::WordPiece(const Vocabulary& vocabulary, WordPieceSettings settings) : vocabulary_(vocabulary), settings_(std::move(settings)) {
  for (uint32_t id = 0; id < vocabulary.id_count(); ++id) longest_ = std::max(longest_, vocabulary.token(id).size());
}

void WordPiece::encode(std::string_view word, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const {
  const auto is_first_byte = [](char byte) { return !is_continuation(static_cast<uint8_t>(byte)); };
  const size_t ids_before = ids.size(), widths_before = widths.size();
  const auto give_up = [&] {
    ids.resize(ids_before);
    widths.resize(widths_before);
    ids.push_back(settings_.unk_id);
    widths.push_back(static_cast<uint32_t>(word.size()));
  };
  if (static_cast<size_t>(std::count_if(word.begin(), word.end(), is_first_byte)) > settings_.max_chars) return give_up();
  std::string candidate;
  for (size_t begin = 0; begin < word.size();) {
    candidate = begin == 0 ? "" : settings_.prefix;
    const size_t before = candidate.size();
    candidate += word.substr(begin, longest_);
    uint32_t id = kNoToken;
    for (; candidate.size() > before; candidate.pop_back()) {
      const size_t end = begin + candidate.size() - before;
      if (end < word.size() && !is_first_byte(word[end])) continue;
      id = vocabulary_.find(candidate);
      if (id != kNoToken) break;
    }
    if (id == kNoToken) return give_up();
    ids.push_back(id);
    widths.push_back(static_cast<uint32_t>(candidate.size() - before));
    begin += candidate.size() - before;
  }
}

}  // namespace ayar::text
