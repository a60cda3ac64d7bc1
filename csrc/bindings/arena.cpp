// _native.arena: arrays of the arena as DLPack capsules, which torch makes tensors of; their memory goes back with the last of these.
#include "core/arena.hpp"

#include <pybind11/pybind11.h>

#include <memory>
#include <vector>

#include "bindings/dlpack.hpp"
#include "bindings/module.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace ayar {
namespace {

struct Array {
  DLManagedTensor managed{};
  std::vector<int64_t> shape;
};

void give_back(DLManagedTensor* managed) {
  arena_give(managed->dl_tensor.data);
  delete static_cast<Array*>(managed->manager_ctx);
}

// A capsule that nobody took keeps its first name and still owns the array.
void destroy(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, "dltensor") == 0) return;
  give_back(static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor")));
}

py::object empty(const py::args& shape, bool bf16) {
  auto array = std::make_unique<Array>();
  int64_t size = 1;
  for (const py::handle axis : shape) {
    array->shape.push_back(axis.cast<int64_t>());
    if (array->shape.back() < 0) throw py::value_error("an axis has a length of 0 or more");
    size *= array->shape.back();
  }
  DLTensor& tensor = array->managed.dl_tensor;
  tensor.data = arena_take(static_cast<size_t>(size) * (bf16 ? 2 : 4));
  tensor.device = {kDLCPU, 0};
  tensor.ndim = static_cast<int32_t>(array->shape.size());
  tensor.dtype = {static_cast<uint8_t>(bf16 ? kDLBfloat : kDLFloat), static_cast<uint8_t>(bf16 ? 16 : 32), 1};
  tensor.shape = array->shape.data();
  array->managed.manager_ctx = array.get();
  array->managed.deleter = &give_back;
  PyObject* capsule = PyCapsule_New(&array->managed, "dltensor", &destroy);
  if (capsule == nullptr) {
    arena_give(tensor.data);
    throw py::error_already_set();
  }
  (void)array.release();
  return py::reinterpret_steal<py::object>(capsule);
}

}  // namespace

void bind_arena(py::module_ module) {
  module.def("empty", &empty, "bf16"_a);
  module.def("trim", &arena_trim);
  module.def("use", [] {
    const ArenaUse use = arena_use();
    return py::make_tuple(use.taken, use.most_taken, use.waiting);
  });
}

}  // namespace ayar
