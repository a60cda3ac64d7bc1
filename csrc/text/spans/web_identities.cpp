// E-mail addresses, and the credentials that web addresses carry.
#include <algorithm>
#include <iterator>

#include "text/code_points.hpp"
#include "text/spans/recognizers.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

constexpr size_t kLongestLocal = 256, kLongestDomain = 255;  // RFC 5321 allows 64 and 255; people paste longer ones

bool is_word(const utf8::Decoded& c) {
  if (!c.valid) return false;
  const Kind kind = kind_of(c.code);
  return is_letter(kind) || kind == Kind::digit || kind == Kind::mark;
}

size_t local_part_begin(std::string_view text, size_t at) {
  size_t begin = at;
  while (begin > 0 && at - begin < kLongestLocal) {
    const char before = text[begin - 1];
    if (before == '.' && (begin == at || text[begin] == '.')) break;  // "wait...me@x.com"
    if (is_alphanumeric(before) || std::string_view("._%+-'").find(before) != std::string_view::npos) {
      --begin;
      continue;
    }
    const utf8::Decoded c = utf8::decode_before(text.data(), text.data() + begin);
    if (static_cast<uint8_t>(before) < 0x80 || !is_word(c)) break;
    begin -= static_cast<size_t>(c.length);
  }
  while (begin < at && (text[begin] == '.' || text[begin] == '\'' || text[begin] == '-')) ++begin;
  return begin;
}

struct Label {
  size_t begin, end;
  bool has_digit_only;
};

// "x.com.Yarın ararım": a sentence that starts without a space is no part of the domain.
bool starts_a_sentence(std::string_view text, const Label& label, const Label& before) {
  const char* const end = text.data() + label.end;
  const utf8::Decoded first = utf8::decode(text.data() + label.begin, end);
  const char* const rest = text.data() + label.begin + first.length;
  const bool is_capitalised = kind_of(first.code) == Kind::upper && rest < end && kind_of(utf8::decode(rest, end).code) == Kind::lower;
  return is_capitalised && std::all_of(text.data() + before.begin, text.data() + before.end, [](char c) { return c >= 'a' && c <= 'z'; });
}

size_t domain_end(std::string_view text, size_t begin) {
  std::vector<Label> labels;
  size_t i = begin;
  while (i < text.size() && i - begin < kLongestDomain) {
    Label label{i, i, true};
    while (i < text.size() && i - begin < kLongestDomain) {
      const utf8::Decoded c = utf8::decode(text.data() + i, text.data() + text.size());
      if (!is_word(c) && c.code != '-') break;
      if (!(c.code < 0x80 && is_digit(static_cast<char>(c.code)))) label.has_digit_only = false;
      i += static_cast<size_t>(c.length);
    }
    label.end = i;
    while (label.end > label.begin && text[label.end - 1] == '-') --label.end;
    if (label.end == label.begin || text[label.begin] == '-') break;
    labels.push_back(label);
    if (label.end != i || i >= text.size() || text[i] != '.') break;
    ++i;
  }
  while (labels.size() > 2 && starts_a_sentence(text, labels.back(), labels[labels.size() - 2])) labels.pop_back();
  while (!labels.empty() && (labels.back().has_digit_only || labels.back().end - labels.back().begin < 2)) labels.pop_back();
  return labels.size() < 2 ? begin : labels.back().end;
}

bool ends_a_url(char c) {
  return static_cast<uint8_t>(c) <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' || c == '|';
}

// Query parameters whose value lets somebody in. Sorted.
constexpr std::string_view kSecretKeys[] = {
    "access_key", "access_token",  "accesstoken",   "api-key",     "api_key", "apikey",  "auth",       "auth_token", "authorization",
    "authtoken",  "client_secret", "code",          "id_token",    "jwt",     "key",     "otp",        "pass",       "passwd",
    "password",   "pwd",           "refresh_token", "reset_token", "secret",  "session", "session_id", "sessionid",  "sid",
    "sifre",      "sig",           "signature",     "sso",         "ticket",  "token",   "x-api-key",
};
static_assert(std::is_sorted(std::begin(kSecretKeys), std::end(kSecretKeys)));

}  // namespace

std::optional<Span> email_at(std::string_view text, size_t at) {
  const size_t begin = local_part_begin(text, at);
  if (begin == at || text[at - 1] == '.') return std::nullopt;
  const size_t end = domain_end(text, at + 1);
  if (end == at + 1) return std::nullopt;
  return Span{begin, end, SpanKind::email};
}

std::optional<Span> url_user_after(std::string_view text, size_t at) {
  constexpr size_t kLongest = 512;
  if (at == 0 || !is_alphanumeric(text[at - 1])) return std::nullopt;
  const size_t begin = at + 3;
  size_t colon = 0, sign = 0;
  for (size_t i = begin; i < text.size() && i - begin < kLongest; ++i) {
    const char c = text[i];
    if (ends_a_url(c) || c == '/' || c == '?' || c == '#') break;
    if (c == ':' && colon == 0) colon = i;
    if (c == '@') sign = i;
  }
  if (colon == 0 || sign == 0 || colon > sign || sign == begin) return std::nullopt;
  return Span{begin, sign, SpanKind::url_credentials};
}

std::optional<Span> url_secret_after(std::string_view text, size_t at) {
  constexpr size_t kLongestKey = 16, kLongestValue = 1024, kShortestValue = 4;
  size_t begin = at;
  char key[kLongestKey];
  while (begin > 0 && at - begin < kLongestKey && (is_alphanumeric(text[begin - 1]) || text[begin - 1] == '_' || text[begin - 1] == '-'))
    --begin;
  if (begin == 0 || begin == at || std::string_view("?&#;").find(text[begin - 1]) == std::string_view::npos) return std::nullopt;
  std::transform(text.begin() + begin, text.begin() + at, key,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  if (!std::binary_search(std::begin(kSecretKeys), std::end(kSecretKeys), std::string_view(key, at - begin))) return std::nullopt;
  size_t end = at + 1;
  while (end < text.size() && end - at <= kLongestValue && !ends_a_url(text[end]) && text[end] != '&' && text[end] != '#') ++end;
  while (end > at + 1 && std::string_view(".,;:!?)]").find(text[end - 1]) != std::string_view::npos) --end;
  if (end - (at + 1) < kShortestValue) return std::nullopt;
  return Span{at + 1, end, SpanKind::url_credentials};
}

}  // namespace ayar
