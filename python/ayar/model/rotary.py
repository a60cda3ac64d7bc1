"""Cosines and sines of rotary position embedding (Su et al., 2021, arXiv 2104.09864), with the scalings "linear" and "llama3"."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class RopeScaling:
    """How frequencies are stretched for long contexts. kind: "linear" (all divided by factor) or "llama3" (the slow ones only)."""

    kind: str
    factor: float
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position_embeddings: int = 8192

    @staticmethod
    def from_fields(fields: Mapping[str, Any]) -> "RopeScaling | None":
        """From config.json's ``rope_scaling`` or ``rope_parameters``. Raises ValueError or KeyError on what is not built."""
        kind = fields.get("rope_type", fields.get("type", "default"))
        if kind == "default":
            return None
        if kind == "linear":
            return RopeScaling("linear", float(fields["factor"]))
        if kind == "llama3":
            return RopeScaling(
                "llama3",
                float(fields["factor"]),
                float(fields["low_freq_factor"]),
                float(fields["high_freq_factor"]),
                int(fields["original_max_position_embeddings"]),
            )
        raise ValueError(f"rope_type {kind!r} is not one of default, linear, llama3")


def inverse_frequencies(head_dim: int, theta: float, scaling: RopeScaling | None) -> Tensor:
    """theta^(−2i/head_dim) for i < head_dim/2, scaled. fp32 (head_dim/2,), in fp32 arithmetic as the models were trained."""
    frequencies = 1.0 / (theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim))
    if scaling is None:
        return frequencies
    if scaling.kind == "linear":
        return frequencies / scaling.factor
    wavelengths = 2 * math.pi / frequencies
    longest_kept = scaling.original_max_position_embeddings / scaling.high_freq_factor
    shortest_stretched = scaling.original_max_position_embeddings / scaling.low_freq_factor
    blend = (scaling.original_max_position_embeddings / wavelengths - scaling.low_freq_factor) / (
        scaling.high_freq_factor - scaling.low_freq_factor
    )
    between = (1 - blend) * frequencies / scaling.factor + blend * frequencies
    stretched = torch.where(wavelengths > shortest_stretched, frequencies / scaling.factor, frequencies)
    is_between = (wavelengths <= shortest_stretched) & (wavelengths >= longest_kept)
    return torch.where(is_between, between, stretched)


class RotaryTable:
    """The table that ``ops.rope`` reads, grown to the longest sequence seen: 128k positions of a long-context model would be 64 MB."""

    def __init__(self, head_dim: int, theta: float, scaling: RopeScaling | None) -> None:
        self._frequencies = inverse_frequencies(head_dim, theta, scaling)
        self._cos = self._sin = torch.empty(0, head_dim // 2)

    def up_to(self, length: int) -> tuple[Tensor, Tensor]:
        """cos and sin, fp32 (at least ``length``, head_dim/2)."""
        if length > self._cos.shape[0]:
            rows = max(512, 1 << (length - 1).bit_length())
            angles = torch.arange(rows, dtype=torch.float32)[:, None] * self._frequencies
            self._cos, self._sin = angles.cos(), angles.sin()
        return self._cos, self._sin
