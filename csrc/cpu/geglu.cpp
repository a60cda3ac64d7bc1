#include "cpu/geglu.hpp"

#include "cpu/gated_rows.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {
constexpr float kScale = 1.5957691216F;  // 2 √(2/π)
constexpr float kCubic = 0.044715F * kScale;

struct Gelu {
  static AYAR_INLINE Floats inner(Floats g) { return g * (kScale + kCubic * (g * g)); }
  static AYAR_INLINE Floats slope(Floats g) { return kScale + 3.0F * kCubic * (g * g); }
};
}  // namespace

void geglu_forward(View gate_up, View y) {
  gated_forward<Gelu>(gate_up, y);
}

void geglu_backward(View dy, View gate_up, View dgate_up) {
  gated_backward<Gelu>(dy, gate_up, dgate_up);
}

}  // namespace ayar::cpu::AYAR_ISA
