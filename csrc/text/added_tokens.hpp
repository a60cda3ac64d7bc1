// Added and special tokens: found in the raw text before it is cut, leftmost and longest, with the flags that `tokenizers` gives them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ayar::text {

struct AddedToken {
  std::string content;
  uint32_t id;
  bool single_word, lstrip, rstrip;
};

class AddedTokens {
 public:
  explicit AddedTokens(std::vector<AddedToken> tokens);
  AddedTokens(const AddedTokens&) = delete;  // nodes point into tokens_
  AddedTokens& operator=(const AddedTokens&) = delete;

  bool empty() const { return tokens_.empty(); }

  // Calls on_text(begin, end) and on_token(id, begin, end) in order. As in `tokenizers`: a match that is not a word of its own is skipped,
  // shorter tokens there are not tried; white space that rstrip took may be matched again, so tokens can overlap.
  template <class OnText, class OnToken>
  void split(std::string_view text, OnText&& on_text, OnToken&& on_token) const {
    size_t done = 0;
    for (size_t at = next_candidate(text, 0); at < text.size();) {
      const AddedToken* const token = longest_at(text, at);
      if (token == nullptr) {
        at = next_candidate(text, at + 1);
        continue;
      }
      size_t begin = at, end = at + token->content.size();
      at = next_candidate(text, end);
      if (!stretch(*token, text, done, begin, end)) continue;
      if (done < begin) on_text(done, begin);
      on_token(token->id, begin, end);
      done = end;
    }
    if (done < text.size()) on_text(done, text.size());
  }

 private:
  struct Node {
    const AddedToken* token = nullptr;
    std::vector<std::pair<uint8_t, uint32_t>> children;
  };

  size_t next_candidate(std::string_view text, size_t from) const;
  const AddedToken* longest_at(std::string_view text, size_t at) const;
  // Applies the flags; false where the token must stand alone and does not.
  static bool stretch(const AddedToken& token, std::string_view text, size_t done, size_t& begin, size_t& end);

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  uint32_t first_node_[256] = {};  // of the root's children, by their byte; 0 where no token starts so
  int only_start_ = -1;            // the byte that every token starts with, where there is one
};

}  // namespace ayar::text
