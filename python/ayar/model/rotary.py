"""Cosines and sines of rotary position embedding (Su et al., 2021, arXiv 2104.09864)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ayar.model.rope_scaling import RopeScaling


@dataclass(frozen=True)
class Rotation:
    """theta^(−2i/dims), scaled, is the angle per position of dimensions i and i + dims/2 of a head; dimensions from ``dims`` on stay."""

    theta: float
    dims: int
    scaling: RopeScaling | None = None

    def frequencies(self) -> Tensor:
        """fp32 (dims/2,)."""
        plain = 1.0 / (self.theta ** (torch.arange(0, self.dims, 2, dtype=torch.float32) / self.dims))
        return plain if self.scaling is None else self.scaling.scaled(plain, self.theta)


class RotaryTable:
    """The table that ``ops.rope`` reads, grown to the longest sequence seen: 128k positions of a long-context model would be 64 MB."""

    def __init__(self, rotation: Rotation) -> None:
        self._frequencies = rotation.frequencies()
        self._factor = 1.0 if rotation.scaling is None else rotation.scaling.attention_factor
        self._cos = self._sin = torch.empty(0, rotation.dims // 2)

    def up_to(self, length: int) -> tuple[Tensor, Tensor]:
        """cos and sin, fp32 (at least ``length``, dims/2)."""
        if length > self._cos.shape[0]:
            rows = max(512, 1 << (length - 1).bit_length())
            angles = torch.arange(rows, dtype=torch.float32)[:, None] * self._frequencies
            self._cos, self._sin = angles.cos() * self._factor, angles.sin() * self._factor
        return self._cos, self._sin
