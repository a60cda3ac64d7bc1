"""Compiles a Triton kernel for a chip that is not here, and says what the machine code uses. Needs no GPU and no driver."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

# Shared memory that one block may take, in bytes (CUDA C++ Programming Guide, table of technical specifications).
SHARED_LIMIT = {80: 163 * 1024, 86: 99 * 1024, 89: 99 * 1024, 90: 227 * 1024, 100: 227 * 1024, 120: 99 * 1024}
TENSOR_INSTRUCTION = {80: "mma.sync", 86: "mma.sync", 89: "mma.sync", 90: "wgmma", 100: "tcgen05.mma", 120: "mma.sync"}


@dataclass(frozen=True)
class Compiled:
    """What one kernel takes on one chip; bytes, and registers a thread."""

    registers: int
    stack: int
    shared: int
    ptx: str

    def faults(self, capability: int, uses_tensor_cores: bool) -> list[str]:
        """What would make this kernel slow, or fail to launch, on the chip it was compiled for."""
        found = []
        if self.stack:
            found.append(f"{self.stack} bytes of stack (spilled registers)")
        if self.shared > SHARED_LIMIT[capability]:
            found.append(f"{self.shared} bytes of shared memory, the chip has {SHARED_LIMIT[capability]}")
        if uses_tensor_cores and TENSOR_INSTRUCTION[capability] not in self.ptx:
            found.append(f"no {TENSOR_INSTRUCTION[capability]} instruction")
        return found


def compile_for(
    kernel: Any, types: dict[str, str], constants: dict[str, Any], capability: int, undivided: frozenset[str] = frozenset(), **options: int
) -> Compiled:
    """Compiles ``kernel`` for compute capability ``capability`` (80, 90, ...).

    types: Triton's type of each run-time argument ("*bf16", "i32", "fp32"). constants: the constexpr arguments. Pointers and integers
    are compiled as multiples of 16, as Triton specialises them at a launch, but for those named in ``undivided``.
    """
    names = kernel.arg_names
    signature = {name: "constexpr" if name in constants else types[name] for name in names}
    divisible = {
        (position,): [["tt.divisibility", 16]]
        for position, name in enumerate(names)
        if name not in constants and types[name] != "fp32" and name not in undivided
    }
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=divisible)
    fused = {"enable_fp_fusion": True, **options}  # the default changes in Triton 3.10
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=fused)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        dump = triton.knobs.nvidia.cuobjdump.path  # pyright: ignore[reportAttributeAccessIssue]
        usage = subprocess.run([dump, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    numbers = {name: int(value) for name, value in re.findall(r"\b(REG|STACK):(\d+)", usage)}
    return Compiled(numbers["REG"], numbers["STACK"], compiled.metadata.shared, compiled.asm["ptx"])
