#include "cpu/swiglu.hpp"

#include "cpu/gated_rows.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {
struct Silu {
  static AYAR_INLINE Floats inner(Floats g) { return g; }
  static AYAR_INLINE Floats slope(Floats) { return broadcast(1.0F); }
};
}  // namespace

void swiglu_forward(View gate_up, View y) {
  gated_forward<Silu>(gate_up, y);
}

void swiglu_backward(View dy, View gate_up, View dgate_up) {
  gated_backward<Silu>(dy, gate_up, dgate_up);
}

}  // namespace ayar::cpu::AYAR_ISA
