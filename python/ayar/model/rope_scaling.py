"""How rotary frequencies are stretched for contexts longer than a model was first trained on: what ``rope_scaling`` in config.json says.

"linear" and "dynamic" (NTK): kaiokendev and bloc97, 2023. "yarn": Peng et al., 2023, arXiv 2309.00071. "longrope": Ding et al., 2024,
arXiv 2402.13753. "llama3": Llama 3.1's release. "dynamic" stretches nothing up to the model's own context, which no sequence may pass here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

_NAMES = {"rope_type", "type", "rope_theta", "partial_rotary_factor", "original_max_position_embeddings"}  # beside a scaling's own
_OWN: dict[str, set[str]] = {
    "default": set(),
    "linear": {"factor"},
    "dynamic": {"factor"},
    "llama3": {"factor", "low_freq_factor", "high_freq_factor"},
    "yarn": {"factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"},
    "longrope": {"factor", "attention_factor", "short_factor", "long_factor"},
}


class RopeScaling(Protocol):
    """attention_factor multiplies cos and sin; longest is the longest sequence for which the frequencies hold, None: any."""

    @property
    def attention_factor(self) -> float: ...
    @property
    def longest(self) -> int | None: ...
    def scaled(self, frequencies: Tensor, theta: float) -> Tensor:
        """frequencies: theta^(−2i/dims), fp32 (dims/2,). In fp32 arithmetic, as the models were trained."""
        ...


@dataclass(frozen=True)
class Linear:
    factor: float
    attention_factor: float = 1.0
    longest: int | None = None

    def scaled(self, frequencies: Tensor, theta: float) -> Tensor:
        return frequencies / self.factor


@dataclass(frozen=True)
class Llama3:
    """Fast frequencies stay, slow ones are divided by factor, those between are blended."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int
    attention_factor: float = 1.0
    longest: int | None = None

    def scaled(self, frequencies: Tensor, theta: float) -> Tensor:
        turns = self.original_max_position_embeddings * frequencies / (2 * math.pi)  # in the original context
        blend = ((turns - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor)).clamp(0, 1)
        return (1 - blend) * frequencies / self.factor + blend * frequencies


@dataclass(frozen=True)
class Yarn:
    """As Llama3, but the blend is linear in the index of the frequency; attention is sharpened by attention_factor."""

    factor: float
    beta_fast: float
    beta_slow: float
    truncate: bool
    original_max_position_embeddings: int
    attention_factor: float
    longest: int | None = None

    def scaled(self, frequencies: Tensor, theta: float) -> Tensor:
        dims = 2 * len(frequencies)
        low, high = (self._index_of(turns, dims, theta) for turns in (self.beta_fast, self.beta_slow))
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, dims - 1)
        stretch = ((torch.arange(dims // 2, dtype=torch.float32) - low) / ((high - low) or 0.001)).clamp(0, 1)
        return frequencies / self.factor * stretch + frequencies * (1 - stretch)

    def _index_of(self, turns: float, dims: int, theta: float) -> float:
        return dims * math.log(self.original_max_position_embeddings / (turns * 2 * math.pi)) / (2 * math.log(theta))


@dataclass(frozen=True)
class LongRope:
    """Each frequency has a divisor of its own. Only the short ones are built, so sequences end at the original context."""

    short_factor: tuple[float, ...]
    attention_factor: float
    longest: int | None

    def scaled(self, frequencies: Tensor, theta: float) -> Tensor:
        if len(self.short_factor) != len(frequencies):
            raise ValueError(f"short_factor has {len(self.short_factor)} numbers, {len(frequencies)} frequencies are rotated")
        return frequencies / torch.tensor(self.short_factor, dtype=torch.float32)


def scaling_of(fields: Mapping[str, Any], max_position_embeddings: int, original: int | None = None) -> RopeScaling | None:
    """From ``rope_scaling`` or ``rope_parameters``. original: config.json's own original_max_position_embeddings, which goes before.

    Raises ValueError, TypeError or KeyError on what is not built or not complete.
    """
    kind = fields.get("rope_type", fields.get("type", "default"))
    if kind not in _OWN:
        raise ValueError(f"rope_type {kind!r} is not one of {', '.join(_OWN)}")
    unknown = sorted(fields.keys() - _NAMES - _OWN[kind])
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not known for {kind!r}")
    original = original or int(fields.get("original_max_position_embeddings") or max_position_embeddings)
    if kind in ("default", "dynamic"):
        return None
    factor = fields.get("factor")
    if factor is None and kind in ("yarn", "longrope"):
        factor = max_position_embeddings / original
    factor = float(fields["factor"] if factor is None else factor)
    if not factor > 0:
        raise ValueError(f"factor {factor} is not above 0")
    if kind == "linear":
        return Linear(factor)
    if kind == "llama3":
        return Llama3(factor, float(fields["low_freq_factor"]), float(fields["high_freq_factor"]), original)
    if kind == "yarn":
        fast, slow = float(fields.get("beta_fast") or 32), float(fields.get("beta_slow") or 1)
        return Yarn(factor, fast, slow, bool(fields.get("truncate", True)), original, _yarn_attention(fields, factor))
    attention = fields.get("attention_factor")
    if attention is None:
        attention = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
    return LongRope(tuple(map(float, fields["short_factor"])), float(attention), original)


def _yarn_attention(fields: Mapping[str, Any], factor: float) -> float:
    if fields.get("attention_factor") is not None:
        return float(fields["attention_factor"])

    def of(mscale: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0

    over, under = fields.get("mscale"), fields.get("mscale_all_dim")
    return of(over) / of(under) if over and under else of(1.0)
