"""LoRA parameters (Hu et al., 2021, arXiv 2106.09685): y += alpha / rank · (x Aᵀ) Bᵀ, in one flat fp32 buffer."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import torch
from pydantic import Field
from torch import Tensor

from ayar.errors import ModelError
from ayar.model.config import ModelConfig
from ayar.ops import Adapter, Dropout, Storage
from ayar.settings import Settings

TargetModule = Literal["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "gate_proj", "up_proj", "gate_up_proj", "down_proj"]
TARGET_MODULES: tuple[TargetModule, ...] = get_args(TargetModule)
_STREAMS_A_PART = 1 << 16  # of dropout masks: more than any model has projections
_ALIGNMENT = 16  # floats: each parameter starts on a cache line


class LoraSettings(Settings):
    """Which weights get an adapter, and how large."""

    rank: int = Field(default=16, ge=1, description="rows of A, columns of B: the capacity of the adapter")
    alpha: float = Field(
        default=32.0, gt=0, description="the adapter is scaled by alpha / rank; keep it when the rank changes, so the learning rate stays"
    )
    target_modules: Literal["all"] | tuple[TargetModule, ...] = Field(
        default="all",
        min_length=1,
        description='projections that get an adapter in every layer: "all" that the model has, or a list of names',
    )
    layers: Literal["all"] | int | tuple[int, ...] = Field(
        default="all",
        description='layers that get adapters: "all", a number n for the last n, or a list of indices; fewer upper layers train faster',
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of an adapter's inputs that each training step leaves out, against overfitting on few rows",
    )
    base_weights: Storage = Field(
        default="full",
        description="how the frozen weights are kept: full, in train.dtype; nf4, in 4 bits (QLoRA); int8, in 8 bits, and multiplied as such: "
        "fastest where the processor has byte instructions",
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

    def modules(self, config: ModelConfig) -> tuple[TargetModule, ...]:
        """Which projections, in the model's order. Raises ModelError where the model has no such module."""
        own = module_shapes(config)
        for name in own if self.target_modules == "all" else self.target_modules:
            if name not in own:
                raise ModelError(f"lora.target_modules: {name} is no module of a {config.model_type} model; it has {', '.join(own)}.")
        return tuple(name for name in own if self.target_modules == "all" or name in self.target_modules)


class Place(NamedTuple):
    """Where an adapter sits."""

    layer: int
    module: TargetModule

    @property
    def path(self) -> str:
        """The module's path in a transformers checkpoint."""
        return f"model.layers.{self.layer}.{module_path(self.module)}"


def module_path(module: TargetModule) -> str:
    """Where a layer of a transformers checkpoint has the module."""
    return f"{'mlp' if module in ('gate_proj', 'up_proj', 'gate_up_proj', 'down_proj') else 'self_attn'}.{module}"


def qkv_modules(config: ModelConfig) -> tuple[TargetModule, ...]:
    """The modules whose outputs, side by side, are queries, keys and values."""
    return ("qkv_proj",) if config.has_fused_projections else ("q_proj", "k_proj", "v_proj")


def gate_up_modules(config: ModelConfig) -> tuple[TargetModule, ...]:
    """The modules whose outputs, side by side, are gate and up."""
    return ("gate_up_proj",) if config.has_fused_projections else ("gate_proj", "up_proj")


def module_shapes(config: ModelConfig) -> dict[TargetModule, tuple[int, int]]:
    """(out, in) of each projection, in the order in which a layer uses them."""
    hidden, feed = config.hidden_size, config.intermediate_size
    splits, query = config.qkv_splits, config.qkv_splits[0]
    qkv, gate_up = qkv_modules(config), gate_up_modules(config)
    shapes: dict[TargetModule, tuple[int, int]] = {}
    shapes |= {name: (out, hidden) for name, out in zip(qkv, splits if len(qkv) == 3 else (sum(splits),), strict=True)}
    shapes["o_proj"] = (hidden, query)
    shapes |= {name: (2 * feed // len(gate_up), hidden) for name in gate_up}
    shapes["down_proj"] = (hidden, feed)
    return shapes


class AdapterParameters:
    """Every lora_A and lora_B as a view into ``values``, every gradient as a view into ``gradients``: both flat, fp32.

    So the norm, the clipping and the optimizer's update are one call each.
    """

    def __init__(self, config: ModelConfig, settings: LoraSettings, seed: int = 0) -> None:
        self.settings, self.scaling, self._seed = settings, settings.alpha / settings.rank, seed
        shapes = module_shapes(config)
        self.modules = settings.modules(config)
        places = [Place(layer, module) for layer in settings.layer_indices(config.num_hidden_layers) for module in self.modules]
        sizes = {place: _sizes(shapes[place.module], settings.rank) for place in places}
        total = sum(_aligned(math.prod(shape)) for pair in sizes.values() for shape in pair)
        self.values, self.gradients = torch.zeros(total), torch.zeros(total)
        self._adapters = self._views(sizes)
        self.initialize(seed)

    def move(self, device: torch.device | str) -> None:
        """Puts values and gradients on ``device``; adapters that ``at`` has given before stay behind."""
        self.values, self.gradients = self.values.to(device), self.gradients.to(device)
        self._adapters = self._views({place: (adapter.lora_A.shape, adapter.lora_B.shape) for place, adapter in self._adapters.items()})

    def initialize(self, seed: int) -> None:
        """A uniform in ±1/√in as PEFT (Kaiming with a = √5), B zero: at first the adapter changes nothing."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.values.zero_()
            for adapter in self._adapters.values():
                bound = 1 / math.sqrt(adapter.lora_A.shape[1])
                adapter.lora_A.uniform_(-bound, bound, generator=generator)

    def at(self, layer: int, module: TargetModule, draw: int | None = None, part: int = 0) -> Adapter | None:
        """The adapter at a place, or None. draw, part: which dropout mask, another one for every part of every batch; None: none."""
        place = Place(layer, module)
        adapter = self._adapters.get(place)
        if adapter is None or draw is None or not self.settings.dropout:
            return adapter
        stream = part * _STREAMS_A_PART + layer * len(TARGET_MODULES) + TARGET_MODULES.index(module)
        return adapter._replace(dropout=Dropout(self.settings.dropout, self._seed, draw, stream))

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

    def _views(self, sizes: Mapping[Place, tuple[Sequence[int], Sequence[int]]]) -> dict[Place, Adapter]:
        adapters, offset = {}, 0
        for place, pair in sizes.items():
            views = []
            for shape in pair:
                views.append(self._view(offset, shape))
                offset += _aligned(math.prod(shape))
            adapters[place] = Adapter(views[0], views[1], self.scaling)
        return adapters

    def _view(self, offset: int, shape: Sequence[int]) -> Tensor:
        window = slice(offset, offset + math.prod(shape))
        parameter = self.values[window].view(shape).requires_grad_()
        parameter.grad = self.gradients[window].view(shape)  # autograd then adds in place
        return parameter


def _sizes(module: tuple[int, int], rank: int) -> tuple[tuple[int, int], tuple[int, int]]:
    out_features, in_features = module
    return (rank, in_features), (out_features, rank)


def _aligned(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT
