// sources: csrc/text/spans/*.cpp csrc/text/code_points.cpp csrc/core/thread_pool.cpp csrc/core/errors.cpp
// Spans of any bytes: inside the text, sorted, apart; and an address behind the text is still found.
#include "mutation.hpp"
#include "text/spans/spans.hpp"

int main(int argc, char** argv) {
  Mutator mutator({"ali@x.com",
                   "@",
                   "örnek.com.tr",
                   ".",
                   "-",
                   " ",
                   "\xC2\xA0",
                   "0532 123 45 67",
                   "+90",
                   "(0212)",
                   "5321234567",
                   "00",
                   "44",
                   "1",
                   "123",
                   "45",
                   "TR330006100519786457841326",
                   "TR33 0006 1005 ",
                   "GB29 NWBK",
                   "4111 1111 1111 1111",
                   "10000000146",
                   "192.168.1.10",
                   "2001:db8::1",
                   "::",
                   ":",
                   "fe80",
                   "https://",
                   "user:pass@host",
                   "?token=",
                   "&key=",
                   "=",
                   "abc123",
                   "/",
                   "#",
                   "ş",
                   "é",
                   "\xE2\x80\x93",
                   "(",
                   ")",
                   "'",
                   "\n",
                   ",",
                   "v",
                   "\xFF",
                   "\xE2\x80",
                   "\xC3",
                   "🎉"},
                  2);
  const long long count = iterations(argc, argv);
  for (long long iteration = 0; iteration < count; ++iteration) {
    const Exact text(mutator.text());
    size_t last = 0;
    for (const ayar::Span& span : ayar::find_spans(text.view())) {
      FUZZ_CHECK(last <= span.begin && span.begin < span.end && span.end <= text.size);
      last = span.end;
    }
    const std::string with_email = std::string(text.view()) + " veli@y.com ";
    bool is_found = false;
    for (const ayar::Span& span : ayar::find_spans(with_email)) is_found = is_found || span.end >= with_email.size() - 1;
    FUZZ_CHECK(is_found);
  }
  std::printf("fuzz_spans: %lld texts\n", count);
}
