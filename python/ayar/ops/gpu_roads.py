"""Which road a frozen product takes on a GPU, by arithmetic on the time that each would need.

time of a road = max(2 · rows · N · K / rate, bytes / bandwidth) + bytes of what it must make first / bandwidth
"""

from typing import Literal, NamedTuple

Road = Literal["bordered", "dequantize", "inside", "fp8"]
Storage = Literal["bf16", "nf4", "int8", "fp8"]

WEIGHT_BYTES = {"bf16": 2.0, "nf4": 0.5 + 4 / 64, "int8": 1.0, "fp8": 1.0}
INSIDE_SHARE = 0.5  # of a library's rate: dequantizing inside a product keeps the arithmetic units from the tensor cores


class Chip(NamedTuple):
    """capability: 10 · major + minor. bf16: FLOP/s that a library's product reaches. bandwidth: bytes a second."""

    capability: int
    bf16: float
    bandwidth: float


def road(storage: Storage, rows: int, outputs: int, inputs: int, chip: Chip) -> Road:
    """bordered: the library's product on [W | sB]. dequantize: W into a scratch bordered buffer first. inside: in the K loop.

    fp8 weights multiply as they are from sm_89 on; before, they are dequantized. Raises nothing: every storage has a road.
    """
    if storage == "bf16":
        return "bordered"
    if storage == "fp8":
        return "fp8" if chip.capability >= 89 else "dequantize"
    inside = _seconds(rows, outputs, inputs, WEIGHT_BYTES[storage], chip, chip.bf16 * INSIDE_SHARE)
    made = (WEIGHT_BYTES[storage] + 2) * outputs * inputs / chip.bandwidth
    return "inside" if inside <= made + _seconds(rows, outputs, inputs, 2, chip, chip.bf16) else "dequantize"


def _seconds(rows: int, outputs: int, inputs: int, weight_bytes: float, chip: Chip, rate: float) -> float:
    moved = weight_bytes * outputs * inputs + 2 * rows * (outputs + inputs)
    return max(2 * rows * outputs * inputs / rate, moved / chip.bandwidth)
