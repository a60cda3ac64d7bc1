"""What of each layer's activations a GPU stores, hands to the host, or computes again, chosen from the card's memory.

All is stored where it fits. Else the layers that are needed last are offloaded first, as many as the copies hide behind the forward pass;
the next ones are recomputed. Sizes are counted from the shapes: ``ops/gpu_layer.py`` names what is kept.
"""

from dataclasses import dataclass

from ayar.errors import TrainingError
from ayar.model.adapters import LoraSettings, module_shapes
from ayar.model.config import ModelConfig
from ayar.ops.bordered import SPARE
from ayar.ops.gpu_offload import Keeping
from ayar.pipeline.gpu_model import GEMM_SHARE, Gpu

_RUNTIME_BYTES = 800_000_000  # CUDA's context, cuBLAS's workspaces, Triton's code
_LOGITS_BYTES = 2 * (256 << 20)  # a chunk of logits (ops/gpu_loss.py), and once more for a product's workspace
_LOST = 0.04  # of the whole: between blocks of the allocator
_HOST_BYTES_PER_SECOND = 20e9  # pinned memory over PCIe 4.0 × 16, one way
_BYTES_A_WEIGHT = {"full": None, "nf4": 0.5 + 4 / 64, "int8": 1.0}


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes on the card. keeping: of each layer, from the lowest. host: pinned memory for what is offloaded."""

    keeping: tuple[Keeping, ...]
    weights: int
    optimizer: int
    activations: int
    workspace: int
    host: int

    @property
    def total(self) -> int:
        return round((self.weights + self.optimizer + self.activations + self.workspace) * (1 + _LOST)) + _RUNTIME_BYTES

    def sentence(self) -> str:
        """What becomes of the activations, for a person."""
        counts = {name: self.keeping.count(name) for name in ("stored", "offloaded", "recomputed")}
        parts = [f"{name} in {count}" for name, count in counts.items() if count]
        return f"activations {', '.join(parts)} of {len(self.keeping)} layers"


def memory_plan(config: ModelConfig, lora: LoraSettings, tokens: int, width: int, gpu: Gpu, memory: float) -> MemoryPlan:
    """tokens: of the largest batch. width: bytes of an activation. memory: bytes that may be used.

    Raises TrainingError where not even recomputing everything fits.
    """
    adapted = range(lora.layer_indices(config.num_hidden_layers)[0], config.num_hidden_layers)  # below, nothing is kept
    layer = kept_bytes(config, lora, width)
    hidden = config.hidden_size * width
    # The forward pass of a layer hides this much copying.
    seconds = 2 * sum(out * into for out, into in module_shapes(config).values()) * tokens / (GEMM_SHARE * gpu.bf16 * 1e12)
    hidden_share = min(1.0, seconds * _HOST_BYTES_PER_SECOND / (layer * tokens))

    def planned(offloaded: int, recomputed: int) -> MemoryPlan:
        stored = len(adapted) - offloaded - recomputed
        runs: list[tuple[Keeping, int]] = [
            ("stored", adapted.start),
            ("offloaded", offloaded),
            ("recomputed", recomputed),
            ("stored", stored),
        ]
        keeping: tuple[Keeping, ...] = tuple(name for name, count in runs for _ in range(count))
        on_card = tokens * (layer * (stored + min(2, offloaded)) + hidden * recomputed)  # one leaves or comes while another is used
        host = tokens * layer * offloaded
        return MemoryPlan(
            tuple(keeping), _weights(config, lora, width), _optimizer(config, lora), on_card, _workspace(config, tokens, width), host
        )

    most_offloaded = round(hidden_share * len(adapted))
    ways = [(count, 0) for count in range(most_offloaded + 1)]
    ways += [(most_offloaded, count) for count in range(1, len(adapted) - most_offloaded + 1)]
    ways += [(len(adapted) - count, count) for count in range(len(adapted), -1, -1) if len(adapted) - count > most_offloaded]
    for way in ways:
        found = planned(*way)
        if found.total <= memory:
            return found
    least = min((planned(*way) for way in ways), key=lambda plan: plan.total)
    raise TrainingError(
        f"The run needs {least.total / 1e9:.1f} GB on the GPU and may take {memory / 1e9:.1f} GB, though no activation stays there. "
        "Lower train.tokens_per_batch, set lora.base_weights: nf4, or take a smaller model."
    )


def kept_bytes(config: ModelConfig, lora: LoraSettings, width: int) -> int:
    """A token and layer: both streams, queries, keys and values, the mixed values, gate and up; and what is narrow."""
    hidden, feed, qkv = config.hidden_size, config.intermediate_size, sum(config.qkv_splits)
    attended = config.qkv_splits[0] + SPARE
    wide = 2 * hidden + qkv + attended + 2 * feed + SPARE + (2 * hidden if config.has_post_norms else 0)
    narrow = 4 * (4 + config.num_attention_heads * (2 if config.has_qk_norm else 1)) + width * lora.rank * 6
    return wide * width + narrow


def _weights(config: ModelConfig, lora: LoraSettings, width: int) -> int:
    shapes = module_shapes(config).values()
    each = _BYTES_A_WEIGHT[lora.base_weights] or width
    frozen = config.num_hidden_layers * sum(out * into * each + SPARE * (out + into) * width for out, into in shapes)
    scratch = 0 if lora.base_weights == "full" else sum(out * into for out, into in shapes) * width  # one dequantized layer
    return round(frozen + scratch + 2 * config.vocab_size * config.hidden_size * width)  # embedding and head


def _optimizer(config: ModelConfig, lora: LoraSettings) -> int:
    shapes = module_shapes(config)
    parameters = len(lora.layer_indices(config.num_hidden_layers)) * sum(lora.rank * sum(shapes[module]) for module in lora.modules(config))
    return 16 * parameters  # value, gradient and two moments, fp32


def _workspace(config: ModelConfig, tokens: int, width: int) -> int:
    """What one layer's backward pass has beside what was kept: gradients of the stream, of gate and up's input, of queries, keys, values."""
    row = 6 * config.hidden_size + 2 * config.intermediate_size + 2 * sum(config.qkv_splits)
    return tokens * row * width + _LOGITS_BYTES
