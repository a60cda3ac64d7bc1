# pyright: reportMissingImports=false
"""Compiles Triton kernels for chips that are not here, as a launch would, and says what the machine code uses. Needs no GPU, no driver."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from ayar.kernels.chip import Chip

_TYPES = {
    torch.bfloat16: "*bf16", torch.float16: "*fp16", torch.float32: "*fp32", torch.int8: "*i8", torch.uint8: "*u8",
    torch.int32: "*i32", torch.int64: "*i64",
}  # fmt: skip


@dataclass(frozen=True)
class Launch:
    """One launch that was asked for: the kernel, and everything that decides its machine code."""

    kernel: Any
    types: tuple[tuple[str, str], ...]  # of each argument: "*bf16", "i32", "constexpr"
    constants: tuple[tuple[str, Any], ...]
    divisible: tuple[int, ...]  # positions of the pointers and integers that are multiples of 16
    options: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        return self.kernel.fn.__name__


@dataclass(frozen=True)
class Compiled:
    """What one kernel takes on one chip; bytes, and registers a thread."""

    registers: int
    stack: int
    shared: int
    machine_code: str

    def faults(self, chip: Chip, needs_tensor_cores: bool, needs_wide_loads: bool) -> list[str]:
        """What would make this kernel slow, or fail to launch, on the chip it was compiled for."""
        found = []
        if self.stack or re.search(r"\b(STL|LDL)\b", self.machine_code):
            found.append(f"{self.stack} bytes of stack: spilled registers, or an array that is indexed")
        if self.shared > chip.shared_bytes:
            found.append(f"{self.shared} bytes of shared memory, the chip has {chip.shared_bytes}")
        if needs_tensor_cores and not re.search(r"\b(HMMA|HGMMA|UTCHMMA|UTCQMMA|OMMA)\b", self.machine_code):
            found.append("no tensor-core instruction")
        if needs_wide_loads and not re.search(r"\bLDG(STS)?\S*\.128\b", self.machine_code):
            found.append("no 16-byte load from global memory")
        return found


@contextmanager
def recorded_launches() -> Iterator[list[Launch]]:
    """Inside the block no kernel runs: each launch is noted, once, with the specialisation that Triton would choose for it."""
    launches: list[Launch] = []

    def note(self: JITFunction, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> None:
        launch = _specialised(self, arguments, options)
        if launch not in launches:
            launches.append(launch)

    run = JITFunction.run
    JITFunction.run = note  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield launches
    finally:
        JITFunction.run = run


def _specialised(kernel: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Launch:
    types, constants, divisible = [], [], []
    values = dict(zip(kernel.arg_names, arguments, strict=False)) | {n: v for n, v in keywords.items() if n in kernel.arg_names}
    for position, parameter in enumerate(kernel.params):
        name, value = parameter.name, values[parameter.name]
        if parameter.is_constexpr or (isinstance(value, int) and value == 1):  # Triton compiles a 1 in
            types.append((name, "constexpr"))
            constants.append((name, value))
        elif isinstance(value, torch.Tensor):
            types.append((name, _TYPES[value.dtype]))
            divisible += [position] if value.data_ptr() % 16 == 0 else []
        elif isinstance(value, float):
            types.append((name, "fp32"))
        else:
            types.append((name, "i32" if -(2**31) <= value < 2**31 else "i64"))
            divisible += [position] if value % 16 == 0 else []
    options = tuple(sorted((n, v) for n, v in keywords.items() if n not in kernel.arg_names))
    return Launch(kernel, tuple(types), tuple(constants), tuple(divisible), options)


def compile_for(launch: Launch, chip: Chip) -> Compiled:
    """The machine code of a launch for a chip (compute capability 80, 89, 90, 100, 120)."""
    divisible = {(position,): [["tt.divisibility", 16]] for position in launch.divisible}
    source = ASTSource(fn=launch.kernel, signature=dict(launch.types), constexprs=dict(launch.constants), attrs=divisible)
    fused = {"enable_fp_fusion": True, **dict(launch.options)}  # the default changes in Triton 3.10
    compiled = triton.compile(source, target=GPUTarget("cuda", chip.capability, 32), options=fused)
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernel.cubin"
        cubin.write_bytes(compiled.asm["cubin"])
        tools = triton.knobs.nvidia  # pyright: ignore[reportAttributeAccessIssue]
        usage = _output(tools.cuobjdump.path, "-res-usage", cubin)
        machine_code = _output(tools.nvdisasm.path, "-c", cubin)
    numbers = {name: int(value) for name, value in re.findall(r"\b(REG|STACK):(\d+)", usage)}
    return Compiled(numbers["REG"], numbers["STACK"], compiled.metadata.shared, machine_code)


def _output(*command: Any) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout
