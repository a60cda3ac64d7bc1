#include "text/compatibility.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "text/utf8.hpp"

namespace ayar {
namespace {

struct Form {
  char32_t code;
  uint16_t offset;  // of the plain form's bytes
  uint8_t length, flags;
};
#include "text/tables/compatibility.inc"

constexpr uint8_t kWidth = 1, kLigature = 2, kEvery = 0;

template <uint8_t flag>
bool replace_forms(std::string_view text, std::string& out, Tally& tally) {
  const char* const end = text.data() + text.size();
  Rewrite rewrite(text, out, tally);
  for (const char* p = text.data(); (p = utf8::skip_ascii(p, end)) < end;) {
    const utf8::Decoded next = utf8::decode(p, end);
    const Form* const found =
        std::lower_bound(std::begin(kForms), std::end(kForms), next.code, [](const Form& form, char32_t code) { return form.code < code; });
    if (found != std::end(kForms) && found->code == next.code && (flag == kEvery || (found->flags & flag) != 0)) {
      const auto at = static_cast<size_t>(p - text.data());
      rewrite.replace(at, at + next.length, {reinterpret_cast<const char*>(kPlain) + found->offset, found->length});
    }
    p += next.length;
  }
  return rewrite.finish();
}

}  // namespace

bool plain_width(std::string_view text, std::string& out, Tally& tally) {
  return replace_forms<kWidth>(text, out, tally);
}
bool split_ligatures(std::string_view text, std::string& out, Tally& tally) {
  return replace_forms<kLigature>(text, out, tally);
}
bool plain_forms(std::string_view text, std::string& out, Tally& tally) {
  return replace_forms<kEvery>(text, out, tally);
}

}  // namespace ayar
