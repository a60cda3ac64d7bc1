#include "text/added_tokens.hpp"

#include <cstring>
#include <utility>

#include "text/unicode_classes.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

const uint8_t* bytes_at(std::string_view text, size_t at) {
  return reinterpret_cast<const uint8_t*>(text.data()) + at;
}

bool has_trait_after(std::string_view text, size_t at, uint8_t mask, uint8_t value) {
  return at < text.size() && (char_traits(char_at(bytes_at(text, at)).code_point) & mask) == value;
}

bool has_trait_before(std::string_view text, size_t at, uint8_t mask, uint8_t value) {
  return at > 0 && (char_traits(char_at(char_before(bytes_at(text, at))).code_point) & mask) == value;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)), nodes_(1) {
  for (const AddedToken& token : tokens_) {
    uint32_t node = 0;
    for (const char byte : token.content) {
      const auto wanted = static_cast<uint8_t>(byte);
      uint32_t child = 0;
      for (const auto& [label, target] : nodes_[node].children) child = label == wanted ? target : child;
      if (child == 0) {
        child = static_cast<uint32_t>(nodes_.size());
        nodes_[node].children.emplace_back(wanted, child);
        nodes_.emplace_back();
      }
      node = child;
    }
    if (node == 0) continue;  // an empty token matches nothing
    nodes_[node].token = &token;
  }
  for (const auto& [label, target] : nodes_[0].children) first_node_[label] = target;
  if (nodes_[0].children.size() == 1) only_start_ = nodes_[0].children[0].first;
}

size_t AddedTokens::next_candidate(std::string_view text, size_t from) const {
  if (from >= text.size() || nodes_.size() == 1) return text.size();
  if (only_start_ >= 0) {
    const void* const found = std::memchr(text.data() + from, only_start_, text.size() - from);
    return found == nullptr ? text.size() : static_cast<size_t>(static_cast<const char*>(found) - text.data());
  }
  while (from < text.size() && first_node_[static_cast<uint8_t>(text[from])] == 0) ++from;
  return from;
}

const AddedToken* AddedTokens::longest_at(std::string_view text, size_t at) const {
  uint32_t node = first_node_[static_cast<uint8_t>(text[at])];
  if (node == 0) return nullptr;
  const AddedToken* longest = nodes_[node].token;
  for (++at; at < text.size(); ++at) {
    uint32_t child = 0;
    for (const auto& [label, target] : nodes_[node].children) {
      if (label == static_cast<uint8_t>(text[at])) {
        child = target;
        break;
      }
    }
    if (child == 0) break;
    node = child;
    if (nodes_[node].token != nullptr) longest = nodes_[node].token;
  }
  return longest;
}

bool AddedTokens::stretch(const AddedToken& token, std::string_view text, size_t done, size_t& begin, size_t& end) {
  if (token.single_word && (has_trait_before(text, begin, kWord, kWord) || has_trait_after(text, end, kWord, kWord))) return false;
  if (token.lstrip) {
    while (begin > done && has_trait_before(text, begin, kClassMask, kWhite)) {
      begin = static_cast<size_t>(char_before(bytes_at(text, begin)) - bytes_at(text, 0));
    }
    begin = begin > done ? begin : done;
  }
  if (token.rstrip) {
    while (has_trait_after(text, end, kClassMask, kWhite)) end += static_cast<size_t>(char_bytes(*bytes_at(text, end)));
  }
  return true;
}

}  // namespace ayar::text
