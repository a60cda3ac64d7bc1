"""How much work a training run is and what it will take: arithmetic on the rows' tokens and the model's shapes, and one short measurement."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ayar.data.pack import Batch
from ayar.model.adapters import LoraSettings, module_shapes
from ayar.model.batch import labelled_tokens
from ayar.model.config import ModelConfig
from ayar.model.decoder import PART_TOKENS
from ayar.model.parts import parts
from ayar.ops import Adapter, FrozenWeight, backend, lora_linear
from ayar.ops.linear_cross_entropy import CHUNK_BYTES, LEAST_ROWS
from ayar.pipeline.base_model import BaseModel
from ayar.pipeline.memory import available_memory
from ayar.pipeline.preparation import PreparedRows
from ayar.recipe import Recipe

# Torch, Arrow, dictionaries, the interpreter and the threads' working memory, measured on `ayar run`.
_RUNTIME_BYTES = 500_000_000
# Batches differ in length: blocks of memory that wait for a use may add this share.
_WAITING_SHARE = 1 / 8
# What a whole step reaches of the measured product's speed: norms, optimizer and memory traffic take the rest.
_PRODUCTS_SHARE = 0.85


@dataclass(frozen=True)
class Plan:
    """What a run is about to do. seconds and memory are estimates.

    tokens: of the rows of one epoch. computed_tokens: of these, shared beginnings counted once a batch; none is padding.
    fill: how full the batches are, of the most that one may hold.
    """

    rows_train: int
    rows_test: int
    epochs: int
    tokens: int
    computed_tokens: int
    trained_tokens: int
    fill: float
    steps: int
    tokens_per_step: int
    trainable_parameters: int
    seconds: float
    memory_bytes: int
    memory_available: int
    remedies: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return self.memory_bytes <= self.memory_available


def step_flops(config: ModelConfig, lora: LoraSettings, tokens: int, trained_tokens: int, mean_length: float) -> float:
    """Floating-point operations of forward and backward: 4 per frozen weight and token (forward and dx), 6 per adapter weight and token,
    4 per weight of the head and trained token, 14 · hidden · length / 2 per layer and token for causal attention."""
    shapes = module_shapes(config)
    adapted = lora.layer_indices(config.num_hidden_layers)
    layer_weights = sum(out * into for out, into in shapes.values())
    below = adapted[0]  # no gradient flows below the lowest adapter
    frozen = layer_weights * (2 * below + 4 * (config.num_hidden_layers - below))
    rank_rows = sum(sum(shapes[module]) for module in lora.modules(config))
    adapters = 6 * lora.rank * rank_rows * len(adapted)
    attention = 7 * config.num_attention_heads * config.head_dim * mean_length * config.num_hidden_layers
    return tokens * (frozen + adapters + attention) + trained_tokens * 4.0 * config.vocab_size * config.hidden_size


def trainable_parameters(config: ModelConfig, lora: LoraSettings) -> int:
    shapes = module_shapes(config)
    per_layer = sum(lora.rank * sum(shapes[module]) for module in lora.modules(config))
    return per_layer * len(lora.layer_indices(config.num_hidden_layers))


def memory_bytes(config: ModelConfig, lora: LoraSettings, part_tokens: int, dtype: torch.dtype) -> int:
    """Peak of training: weights, optimizer state, the activations of one part of a batch (``part_tokens`` long at most), runtime."""
    width = dtype.itemsize
    shapes = module_shapes(config)
    kept_layers = config.num_hidden_layers - lora.layer_indices(config.num_hidden_layers)[0]
    layer_weights = sum(out * into for out, into in shapes.values())
    weights = round(layer_weights * config.num_hidden_layers * _bytes_a_weight(lora, width))
    head = config.vocab_size * config.hidden_size * (width + 2)  # packed; and the embedding as most files hold it, in 16 bits
    optimizer = trainable_parameters(config, lora) * 4 * 4  # value, gradient and two moments, fp32
    qkv, hidden = sum(config.qkv_splits), config.hidden_size
    # Per token and layer: the inputs of both norms, rotated qkv, what attention gives, and gate and up.
    row = 2 * hidden + qkv + config.qkv_splits[0] + 2 * config.intermediate_size
    row += 2 * hidden * config.has_post_norms + qkv * config.has_qk_norm
    low_rank = 4 * (lora.rank * len(lora.modules(config)) + config.num_attention_heads)  # x Aᵀ and the sums of attention, fp32
    kept = kept_layers * (row * width + low_rank)
    passing = 4 * (config.intermediate_size + hidden) * width  # in the layer at hand
    logits = 4 * config.vocab_size * max(LEAST_ROWS, CHUNK_BYTES // (4 * config.vocab_size))
    activations = round(part_tokens * (kept + passing) * (1 + _WAITING_SHARE))
    return weights + head + optimizer + activations + logits + _RUNTIME_BYTES


def _bytes_a_weight(lora: LoraSettings, width: int) -> float:
    """One copy serves both directions. NF4: 4 bits, and 8 for the absmax of every 64."""
    return {"full": width, "int8": 1.0, "nf4": 0.5 + 1 / 64}[lora.base_weights]


def measured_flops_per_second(config: ModelConfig, lora: LoraSettings, dtype: torch.dtype, rows: int = 2048, repeats: int = 5) -> float:
    """Speed of the largest fused projection (gate and up), forward and backward, on this machine now; the median of a few."""
    feed, hidden = config.intermediate_size, config.hidden_size
    weight = FrozenWeight.pack([torch.zeros(feed, hidden, dtype=dtype)] * 2, dtype=dtype, storage=lora.base_weights)
    adapters = [
        Adapter(torch.zeros(lora.rank, hidden).requires_grad_(), torch.zeros(feed, lora.rank).requires_grad_(), 1.0) for _ in range(2)
    ]
    x, dy = torch.zeros(rows, hidden, dtype=dtype, requires_grad=True), torch.zeros(rows, 2 * feed, dtype=dtype)
    seconds = []
    torch_threads = torch.get_num_threads()
    backend.give_cores_to_pool()  # as in training
    try:
        for _ in range(repeats + 1):
            start = time.perf_counter()
            lora_linear(x, weight, adapters).backward(dy)
            seconds.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(torch_threads)
    flops = rows * (2 * feed * hidden * 4 + 2 * lora.rank * (feed + hidden) * 6)
    return flops / statistics.median(seconds[1:])  # the first one warms up


def training_seconds(
    config: ModelConfig, lora: LoraSettings, dtype: torch.dtype, tokens: int, trained_tokens: int, mean_length: float
) -> float:
    """For ``tokens`` in all, over all epochs."""
    flops = step_flops(config, lora, tokens, trained_tokens, mean_length)
    return flops / (measured_flops_per_second(config, lora, dtype) * _PRODUCTS_SHARE)


def plan_of(
    recipe: Recipe,
    model: BaseModel,
    epoch: Sequence[Batch],
    max_tokens: int,
    rows: PreparedRows,
    total_steps: int,
    all_tokens: int,
) -> Plan:
    """epoch: the first one's batches, each of ``max_tokens`` at most. total_steps, all_tokens: computed in all epochs, as the loop will run them."""
    dtype = getattr(torch, recipe.train.dtype)
    computed, trained = sum(len(batch.input_ids) for batch in epoch), sum(labelled_tokens(batch) for batch in epoch)
    # Twice what a token attends to, on average: the length of the sequence where all are of one length.
    mean_length = 2 * sum(float(batch.position_ids.sum()) for batch in epoch) / computed + 1
    all_pairs = sum(len(batch.targets) for batch in epoch) * all_tokens / computed
    longest_part = max(len(part.input_ids) for batch in epoch for part in parts(batch, PART_TOKENS))
    return Plan(
        rows_train=rows.train.num_rows,
        rows_test=rows.test.num_rows,
        epochs=recipe.train.epochs,
        tokens=sum(batch.row_tokens for batch in epoch),
        computed_tokens=computed,
        trained_tokens=trained,
        fill=computed / len(epoch) / max_tokens,
        steps=total_steps,
        tokens_per_step=round(all_tokens / max(total_steps, 1)),
        trainable_parameters=trainable_parameters(model.config, recipe.lora),
        seconds=training_seconds(model.config, recipe.lora, dtype, all_tokens, round(all_pairs), mean_length),
        memory_bytes=memory_bytes(model.config, recipe.lora, longest_part, dtype),
        memory_available=available_memory(),
        remedies=remedies(recipe),
    )


def remedies(recipe: Recipe) -> tuple[str, ...]:
    """What makes a run smaller, the cheapest first."""
    found = []
    if recipe.train.tokens_per_batch > recipe.format.max_tokens:
        found.append(
            f"train.tokens_per_batch: {recipe.format.max_tokens} (now {recipe.train.tokens_per_batch}), with train.grad_accumulation_steps raised to match"
        )
    if recipe.lora.layers == "all":
        found.append("lora.layers: 8, so that only the uppermost 8 layers keep activations")
    if recipe.lora.base_weights != "nf4":
        found.append(f"lora.base_weights: nf4 (now {recipe.lora.base_weights}), which keeps a frozen weight in 4 bits")
    if recipe.train.dtype == "float32":
        found.append("train.dtype: bfloat16, which halves weights and activations")
    return (*found, "a smaller model")
