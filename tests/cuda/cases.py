"""What each CUDA kernel is given and what it must write, as numpy arrays: run by ctypes in the emulation, plain and under sanitizers."""

import ctypes
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Argument = Any  # an array, which the kernel may write; or an int (64 bits) or a float (32 bits)


class Case(NamedTuple):
    """expected: position of an argument -> what it must hold afterwards, bit for bit; within ``tolerance`` of it where that is given."""

    function: str
    arguments: list[Argument]
    expected: dict[int, np.ndarray]
    tolerance: float = 0.0


def run(library: ctypes.CDLL, case: Case, seed: int) -> str:
    """Calls the function on copies; what is wrong with what it wrote, or nothing."""
    arguments = [argument.copy() if isinstance(argument, np.ndarray) else argument for argument in case.arguments]
    if getattr(library, case.function)(*map(_ctypes, arguments), ctypes.c_uint64(seed)) != 0:
        return f"{case.function}: the emulation found a fault"
    for position, want in case.expected.items():
        got = arguments[position]
        if case.tolerance == 0:
            if not np.array_equal(got, want):
                return f"{case.function}: argument {position} differs in {np.count_nonzero(got != want)} places"
        elif not np.linalg.norm(got.astype(np.float64) - want) <= case.tolerance * np.linalg.norm(want):
            return f"{case.function}: argument {position} is off by {np.linalg.norm(got.astype(np.float64) - want):.3e}"
    return ""


def _ctypes(argument: Argument) -> Any:
    if isinstance(argument, np.ndarray):
        return ctypes.c_void_p(argument.ctypes.data)
    return ctypes.c_float(argument) if isinstance(argument, float) else ctypes.c_int64(argument)


def save(cases: list[Case], folder: Path) -> None:
    """Writes cases for a process that has numpy and nothing else."""
    arrays, described = {}, []
    for case in cases:
        items = []
        for argument in case.arguments:
            if isinstance(argument, np.ndarray):
                items.append(f"@{len(arrays)}")
                arrays[f"a{len(arrays)}"] = argument
            else:
                items.append(argument)
        wanted = {}
        for position, want in case.expected.items():
            wanted[position] = f"a{len(arrays)}"
            arrays[f"a{len(arrays)}"] = want
        described.append([case.function, items, wanted, case.tolerance])
    np.savez(folder / "arrays.npz", **arrays)
    (folder / "cases.json").write_text(json.dumps(described))


def load(folder: Path) -> list[Case]:
    """Cases as written by ``save``."""
    arrays = np.load(folder / "arrays.npz")
    cases = []
    for function, items, wanted, tolerance in json.loads((folder / "cases.json").read_text()):
        arguments = [arrays[f"a{item[1:]}"] if isinstance(item, str) else item for item in items]
        cases.append(Case(function, arguments, {int(position): arrays[name] for position, name in wanted.items()}, tolerance))
    return cases


def bfloat16(values: np.ndarray) -> np.ndarray:
    """Rounded to nearest even, as 16-bit patterns."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
