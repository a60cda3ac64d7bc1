"""LoRA parameters (Hu et al., 2021, arXiv 2106.09685): y += alpha / rank · (x Aᵀ) Bᵀ, in one flat fp32 buffer."""

import math
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ayar.errors import ModelError
from ayar.model.config import ModelConfig
from ayar.ops import Adapter
from ayar.settings import Settings

TargetModule = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TARGET_MODULES: tuple[TargetModule, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_ALIGNMENT = 16  # floats: each parameter starts on a cache line


class LoraSettings(Settings):
    """Which weights get an adapter, and how large."""

    rank: int = Field(default=16, ge=1, description="rows of A, columns of B: the capacity of the adapter")
    alpha: float = Field(
        default=32.0, gt=0, description="the adapter is scaled by alpha / rank; keep it when the rank changes, so the learning rate stays"
    )
    target_modules: tuple[TargetModule, ...] = Field(
        default=TARGET_MODULES, min_length=1, description="projections that get an adapter, in every layer"
    )
    layers: Literal["all"] | int | tuple[int, ...] = Field(
        default="all",
        description='layers that get adapters: "all", a number n for the last n, or a list of indices; fewer upper layers train faster',
    )

    def layer_indices(self, num_hidden_layers: int) -> tuple[int, ...]:
        """Which layers, ascending. Raises ModelError where the model has no such layer."""
        everything = range(num_hidden_layers)
        if self.layers == "all":
            return tuple(everything)
        wanted = range(num_hidden_layers - self.layers, num_hidden_layers) if isinstance(self.layers, int) else self.layers
        if not wanted or not all(layer in everything for layer in wanted):
            raise ModelError(f"lora.layers: {self.layers} does not fit a model of {num_hidden_layers} layers.")
        return tuple(sorted(set(wanted)))


class Place(NamedTuple):
    """Where an adapter sits."""

    layer: int
    module: TargetModule

    @property
    def path(self) -> str:
        """The module's path in a transformers checkpoint."""
        block = "mlp" if self.module in ("gate_proj", "up_proj", "down_proj") else "self_attn"
        return f"model.layers.{self.layer}.{block}.{self.module}"


def module_shapes(config: ModelConfig) -> dict[TargetModule, tuple[int, int]]:
    """(out, in) of each projection."""
    hidden, feed = config.hidden_size, config.intermediate_size
    query, key, value = config.qkv_splits
    return {
        "q_proj": (query, hidden),
        "k_proj": (key, hidden),
        "v_proj": (value, hidden),
        "o_proj": (hidden, query),
        "gate_proj": (feed, hidden),
        "up_proj": (feed, hidden),
        "down_proj": (hidden, feed),
    }


class AdapterParameters:
    """Every lora_A and lora_B as a view into ``values``, every gradient as a view into ``gradients``: both flat, fp32.

    So the norm, the clipping and the optimizer's update are one call each.
    """

    def __init__(self, config: ModelConfig, settings: LoraSettings, seed: int = 0) -> None:
        self.settings, self.scaling = settings, settings.alpha / settings.rank
        shapes = module_shapes(config)
        modules: list[TargetModule] = [module for module in TARGET_MODULES if module in settings.target_modules]
        places = [Place(layer, module) for layer in settings.layer_indices(config.num_hidden_layers) for module in modules]
        sizes = {place: _sizes(shapes[place.module], settings.rank) for place in places}
        total = sum(_aligned(math.prod(shape)) for pair in sizes.values() for shape in pair)
        self.values, self.gradients = torch.zeros(total), torch.zeros(total)
        self._adapters: dict[Place, Adapter] = {}
        offset = 0
        for place, pair in sizes.items():
            views = []
            for shape in pair:
                views.append(self._view(offset, shape))
                offset += _aligned(math.prod(shape))
            self._adapters[place] = Adapter(views[0], views[1], self.scaling)
        self.initialize(seed)

    def initialize(self, seed: int) -> None:
        """A uniform in ±1/√in as PEFT (Kaiming with a = √5), B zero: at first the adapter changes nothing."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.values.zero_()
            for adapter in self._adapters.values():
                bound = 1 / math.sqrt(adapter.lora_A.shape[1])
                adapter.lora_A.uniform_(-bound, bound, generator=generator)

    def at(self, layer: int, module: TargetModule) -> Adapter | None:
        return self._adapters.get(Place(layer, module))

    def places(self) -> Iterator[Place]:
        return iter(self._adapters)

    def layers(self) -> list[int]:
        """Indices of the layers that have adapters, ascending."""
        return sorted({place.layer for place in self._adapters})

    def count(self) -> int:
        """Number of trained parameters."""
        return sum(tensor.numel() for tensor in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """Names in PEFT's format → views, detached."""
        named = {}
        for place, adapter in self._adapters.items():
            named[f"base_model.model.{place.path}.lora_A.weight"] = adapter.lora_A.detach()
            named[f"base_model.model.{place.path}.lora_B.weight"] = adapter.lora_B.detach()
        return named

    def assign(self, tensors: Mapping[str, Tensor], source: str) -> None:
        """Copies saved tensors in; every key and shape must match. Raises ModelError naming ``source`` and the tensor."""
        own = self.tensors()
        for name in own.keys() ^ tensors.keys():
            fault = "is missing" if name in own else "has no place here"
            raise ModelError(f"{source}: adapter tensor {name} {fault}: the file does not fit these settings or this model.")
        for name, view in own.items():
            if tensors[name].shape != view.shape:
                got, want = tuple(tensors[name].shape), tuple(view.shape)
                raise ModelError(f"{source}: adapter tensor {name} has the shape {got}, {want} is needed: another rank or another model.")
            view.copy_(tensors[name])

    def _view(self, offset: int, shape: tuple[int, int]) -> Tensor:
        window = slice(offset, offset + math.prod(shape))
        parameter = self.values[window].view(shape).requires_grad_()
        parameter.grad = self.gradients[window].view(shape)  # autograd then adds in place
        return parameter


def _sizes(module: tuple[int, int], rank: int) -> tuple[tuple[int, int], tuple[int, int]]:
    out_features, in_features = module
    return (rank, in_features), (out_features, rank)


def _aligned(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT
