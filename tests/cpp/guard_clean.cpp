// sources: csrc/text/utf8.cpp csrc/text/code_points.cpp csrc/text/nfc.cpp csrc/text/html_entities.cpp
// sources: csrc/text/html_tags.cpp csrc/text/mojibake.cpp csrc/text/mojibake_judge.cpp csrc/text/code_pages.cpp csrc/text/characters.cpp
// sources: csrc/text/clean.cpp csrc/text/clean_scan.cpp csrc/text/rewrite.cpp csrc/text/white_space.cpp csrc/text/turkish_page.cpp
// sources: csrc/text/markdown.cpp csrc/text/web_links.cpp csrc/text/email_replies.cpp csrc/text/line_joins.cpp csrc/text/repetition.cpp
// sources: csrc/text/values.cpp csrc/text/deasciify.cpp csrc/text/compatibility.cpp
// sources: csrc/core/thread_pool.cpp csrc/core/errors.cpp csrc/core/cpu_features.cpp
// Texts that end at the last byte of a page, with a page behind it that nobody may read: vector loads must stay inside.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "mutation.hpp"
#include "text/clean.hpp"

namespace {

class GuardedPage {
 public:
  GuardedPage() : size_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    void* const pages = mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(static_cast<char*>(pages) + size_, size_, PROT_NONE) != 0) std::abort();
    begin_ = static_cast<char*>(pages);
  }
  std::string_view put(std::string_view text) {
    text = text.substr(0, size_);
    std::copy(text.begin(), text.end(), begin_ + size_ - text.size());
    return {begin_ + size_ - text.size(), text.size()};
  }

 private:
  size_t size_;
  char* begin_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace std::string_view_literals;
  Mutator mutator({"plain text of some length, ",
                   "a",
                   " ",
                   "\n",
                   "<b>",
                   "<",
                   "&",
                   "&am",
                   "\xC3",
                   "Ã¼",
                   "â€",
                   "\xE2\x80",
                   "\xF0\x9F",
                   "þ",
                   "12.03.",
                   "www.",
                   "[a](",
                   "!",
                   "-\n",
                   "-- ",
                   "https://a"},
                  3);
  GuardedPage page;
  const long long count = iterations(argc, argv);
  long long changed = 0;
  for (long long iteration = 0; iteration < count; ++iteration) {
    const std::string_view text = page.put(mutator.text());
    const auto operators = static_cast<ayar::CleanMask>(iteration % 2 == 0 ? 0xFFF : mutator.next() & ((1u << ayar::kCleanOperators) - 1));
    std::string out;
    ayar::CleanDetails details;
    changed += ayar::needs_cleaning(text, operators) && ayar::clean(text, operators, out, details) != 0 ? 1 : 0;
  }
  if (changed == 0) std::abort();
  std::printf("guard_clean: %lld texts, %lld changed\n", count, changed);
}
