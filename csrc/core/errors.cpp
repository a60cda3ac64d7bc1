#include <stdexcept>
#include <string>

#include "core/macros.hpp"

namespace ayar {
void require_failed(const char* condition, const char* function) {
  throw std::invalid_argument(std::string(function) + ": requires " + condition);
}
}  // namespace ayar
