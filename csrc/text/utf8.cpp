#include "text/utf8.hpp"

namespace ayar::utf8 {

bool repair(std::string_view text, std::string& out) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const char* bad = find_ill_formed(p, end);
  if (bad == end) return false;
  out.clear();
  while (bad != end) {
    out.append(p, bad);
    append(out, kReplacement);
    p = bad + decode(bad, end).length;
    bad = find_ill_formed(p, end);
  }
  out.append(p, end);
  return true;
}

}  // namespace ayar::utf8
