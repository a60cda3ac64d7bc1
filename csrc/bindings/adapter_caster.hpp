// Lists of adapters as Python has them: [(first_column, lora_A, lora_B, scaling, dropout), ...] and [(dlora_A, dlora_B), ...].
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "bindings/view_caster.hpp"
#include "cpu/lora_linear.hpp"

namespace pybind11::detail {

inline ayar::View view_in(const tuple& entry, size_t index) {
  make_caster<ayar::View> caster;  // Python's list keeps the tensor itself alive until the call is over
  if (!caster.load(entry[index], false)) throw type_error("an adapter's factor must be a tensor");
  return cast_op<ayar::View>(caster);
}

// (key, draw, stream, threshold), or None.
inline ayar::cpu::Dropout dropout_of(const object& source) {
  if (source.is_none()) return {};
  const auto entry = source.cast<tuple>();
  if (entry.size() != 4) throw value_error("an adapter's dropout is (key, draw, stream, threshold)");
  const auto threshold = entry[3].cast<uint32_t>();
  if (threshold > 0xFFFF) throw value_error("the threshold of dropout is one of 65,536");
  return {entry[0].cast<uint64_t>(), entry[1].cast<uint32_t>(), entry[2].cast<uint32_t>(), threshold};
}

inline void load_entry(const tuple& entry, ayar::cpu::Adapter& adapter) {
  if (entry.size() != 5) throw value_error("an adapter is (first_column, lora_A, lora_B, scaling, dropout)");
  adapter = {entry[0].cast<int64_t>(), view_in(entry, 1), view_in(entry, 2), entry[3].cast<float>(), dropout_of(entry[4])};
}

inline void load_entry(const tuple& entry, ayar::cpu::AdapterGradient& gradient) {
  if (entry.size() != 2) throw value_error("an adapter's gradient is (dlora_A, dlora_B)");
  gradient = {view_in(entry, 0), view_in(entry, 1)};
}

template <class T>
struct type_caster<ayar::cpu::ListOf<T>> {
 public:
  PYBIND11_TYPE_CASTER(ayar::cpu::ListOf<T>, const_name("list[tuple]"));

  bool load(handle source, bool) {
    if (!isinstance<list>(source)) return false;
    for (const handle entry : reinterpret_borrow<list>(source)) {
      if (!isinstance<tuple>(entry)) return false;
      load_entry(reinterpret_borrow<tuple>(entry), items_.emplace_back());
    }
    value = {items_.data(), static_cast<int64_t>(items_.size())};
    return true;
  }

 private:
  std::vector<T> items_;
};

}  // namespace pybind11::detail
