"""The time of one LoRA training step on a GPU, from the bytes and FLOPs of each kernel; for our kernels and for other engines.

A kernel takes as long as its arithmetic or its memory traffic, whichever is longer; kernels follow one another. Products reach 0.8 of the
data sheet's peak, attention 0.5 (FlashAttention-2 reports 0.5 to 0.6 on an A100: Dao, 2023, arXiv 2307.08691), streams the full
bandwidth. These are predictions; docs/gpu.md says which were met.

Whose traffic is from whose source:
  peft       peft/tuners/lora/layer.py (Linear.forward), transformers/models/llama/modeling_llama.py, torch autograd
  Liger      linkedin/Liger-Kernel: ops/rms_norm.py, ops/rope.py, ops/swiglu.py, ops/fused_linear_cross_entropy.py; linears are peft's
  Unsloth    unslothai/unsloth: kernels/fast_lora.py, rms_layernorm.py, rope_embedding.py, swiglu.py, cross_entropy_loss.py
  Ayar       kernels/: each launch's loads and stores, partial sums included
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

GEMM_SHARE, ATTENTION_SHARE = 0.8, 0.5


@dataclass(frozen=True)
class Gpu:
    """Data sheet: dense bf16 TFLOP/s with fp32 sums, fp32 TFLOP/s outside the tensor cores, GB/s, GB, multiprocessors, KB of shared memory
    that a block may take."""

    name: str
    bf16: float
    fp32: float
    bandwidth: float
    memory: float
    multiprocessors: int
    shared: int


GPUS = {
    "3060": Gpu("RTX 3060", 25.5, 12.7, 360, 12, 28, 99),
    "4090": Gpu("RTX 4090", 165, 82.6, 1008, 24, 128, 99),
    "a100": Gpu("A100-80", 312, 19.5, 2039, 80, 108, 163),
    "h100": Gpu("H100 SXM", 989, 67, 3350, 80, 132, 227),
}


def card_like(name: str) -> Gpu:
    """The data sheet of a card by the name that its driver gives; of one that is not known, that of the fastest."""
    return next((gpu for gpu in GPUS.values() if gpu.name.split()[-1 if "RTX" in gpu.name else 0].split("-")[0] in name), GPUS["h100"])


@dataclass(frozen=True)
class Architecture:
    """A Llama-shaped model: sizes as in config.json."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int

    @property
    def attended(self) -> int:
        return self.num_attention_heads * self.head_dim

    @property
    def qkv(self) -> int:
        return self.attended + 2 * self.num_key_value_heads * self.head_dim

    def linears(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of the seven projections of a layer, in the order q k v o gate up down."""
        kv = self.num_key_value_heads * self.head_dim
        hidden, feed = self.hidden_size, self.intermediate_size
        into_attention = [(hidden, self.attended), (hidden, kv), (hidden, kv)]
        return [*into_attention, (self.attended, hidden), (hidden, feed), (hidden, feed), (feed, hidden)]

    def linear_weights(self) -> int:
        return self.num_hidden_layers * sum(inputs * outputs for inputs, outputs in self.linears())


LLAMA_3_8B = Architecture(4096, 14336, 32, 32, 8, 128, 128256)
QWEN3_1_7B = Architecture(2048, 6144, 28, 16, 8, 128, 151936)


@dataclass(frozen=True)
class Batch:
    """sequences of length seq_len; labelled: how many of their rows the loss reads."""

    sequences: int
    seq_len: int
    labelled: int

    @property
    def rows(self) -> int:
        return self.sequences * self.seq_len


@dataclass(frozen=True)
class Work:
    """One kernel, or several alike. unit: what limits its arithmetic."""

    name: str
    flops: float
    bytes: float
    unit: str = "bf16"

    def seconds(self, gpu: Gpu) -> float:
        rate = {"bf16": GEMM_SHARE * gpu.bf16, "attention": ATTENTION_SHARE * gpu.bf16, "fp32": GEMM_SHARE * gpu.fp32}[self.unit]
        return max(self.flops / (rate * 1e12), self.bytes / (gpu.bandwidth * 1e9))


Engine = Callable[[Architecture, Batch, int, Gpu], Iterator[Work]]


def step_seconds(engine: Engine, model: Architecture, batch: Batch, rank: int, gpu: Gpu) -> float:
    """One optimizer step, no recomputation of products."""
    return sum(work.seconds(gpu) for work in engine(model, batch, rank, gpu))


def _products(model: Architecture, batch: Batch) -> Iterator[Work]:
    """What every engine computes: y = x Wᵀ and dx = dy W of each projection, and of the head at the rows given."""
    for inputs, outputs in model.linears():
        moved = 2 * (batch.rows * (inputs + outputs) + inputs * outputs)
        both = Work("frozen products", 2 * batch.rows * inputs * outputs, moved)
        yield from [both, both] * model.num_hidden_layers
    yield from _head(model, batch.rows)


def _head(model: Architecture, rows: int) -> Iterator[Work]:
    moved = 2 * (rows * (model.hidden_size + model.vocab_size) + model.hidden_size * model.vocab_size)
    yield from [Work("head", 2 * rows * model.hidden_size * model.vocab_size, moved)] * 2


def _attention(model: Architecture, batch: Batch, backward_products: int) -> Work:
    """Causal: half of the square; two products forward."""
    product = batch.sequences * batch.seq_len**2 * model.attended
    moved = 2 * batch.rows * (model.qkv + model.attended) * 3.5  # forward; backward reads and writes 2.5 times that
    layers = model.num_hidden_layers
    return Work("attention", layers * product * (2 + backward_products), layers * moved, "attention")


def _streams(model: Architecture, batch: Batch, norm: float, rope: float, gate: float, residual: float) -> Iterator[Work]:
    """Passes that only move data: bytes an element, forward and backward together."""
    rows, layers = batch.rows, model.num_hidden_layers
    yield Work("norms", 0, norm * model.hidden_size * rows * (2 * layers + 1))
    yield Work("rope", 0, rope * (model.attended + model.num_key_value_heads * model.head_dim) * rows * layers)
    yield Work("swiglu", 0, gate * model.intermediate_size * rows * layers)
    yield Work("residual", 0, residual * model.hidden_size * rows * 2 * layers)


def _optimizer(model: Architecture, rank: int, bytes_each: float) -> Work:
    adapters = model.num_hidden_layers * rank * sum(inputs + outputs for inputs, outputs in model.linears())
    return Work("optimizer", 0, bytes_each * adapters)


def _shared_inputs(model: Architecture, batch: Batch) -> Work:
    """Autograd adds the gradients of an input that several modules read: q, k, v, then gate, up; two reads, one write each."""
    return Work("gradient sums", 0, 6 * 3 * model.hidden_size * batch.rows * model.num_hidden_layers)


def _peft_linears(model: Architecture, batch: Batch, rank: int, gpu: Gpu, per_output: float, per_input: float, unit: str) -> Iterator[Work]:
    for inputs, outputs in model.linears():
        moved = batch.rows * (per_output * outputs + per_input * inputs)
        skinny = 6 * batch.rows * rank * (inputs + outputs)
        yield from [Work("adapters", skinny, moved, unit)] * model.num_hidden_layers


def peft(model: Architecture, batch: Batch, rank: int, gpu: Gpu) -> Iterator[Work]:
    """peft's default: adapters in fp32 over a bf16 base, every op eager. 56 N + 30 K bytes a token and projection."""
    yield from _products(model, batch)
    yield _attention(model, batch, 5)
    yield from _peft_linears(model, batch, rank, gpu, 56, 30, "fp32")
    yield from _streams(model, batch, norm=36 + 52, rope=20 + 22, gate=10 + 18, residual=6 + 6)
    yield _shared_inputs(model, batch)
    yield Work("cross entropy", 0, 36 * model.vocab_size * batch.rows)
    yield _optimizer(model, rank, 12 + 28)


def liger(model: Architecture, batch: Batch, rank: int, gpu: Gpu) -> Iterator[Work]:
    """peft with bf16 adapters, and Liger's norms, RoPE, SwiGLU and chunked loss. 20 N + 12 K bytes a token and projection."""
    yield from _products(model, batch)
    yield _attention(model, batch, 5)
    yield from _peft_linears(model, batch, rank, gpu, 20, 12, "bf16")
    yield from _streams(model, batch, norm=4 + 6, rope=4 + 4, gate=6 + 10, residual=6 + 6)
    yield _shared_inputs(model, batch)
    yield Work("cross entropy", 0, 6 * model.vocab_size * batch.rows)
    yield _optimizer(model, rank, 12 + 28)


def unsloth(model: Architecture, batch: Batch, rank: int, gpu: Gpu) -> Iterator[Work]:
    """addmm_ on the products: 10 N + 10 K bytes a token and projection; in-place SwiGLU that keeps y for the gradient of A."""
    yield from _products(model, batch)
    yield _attention(model, batch, 5)
    yield from _peft_linears(model, batch, rank, gpu, 10, 10, "bf16")
    yield from _streams(model, batch, norm=4 + 6, rope=4 + 4, gate=6 + 12, residual=6 + 6)
    yield Work("cross entropy", 0, 6 * model.vocab_size * batch.rows)
    yield _optimizer(model, rank, 12 + 28)


def ayar(model: Architecture, batch: Batch, rank: int, gpu: Gpu) -> Iterator[Work]:
    """Bordered products; the loss at labelled rows only. See kernels/ for each line."""
    rows, layers, hidden, feed = batch.rows, model.num_hidden_layers, model.hidden_size, model.intermediate_size
    groups = [(hidden, model.qkv, 3), (model.attended, hidden, 1), (hidden, 2 * feed, 2), (feed, hidden, 1)]
    for inputs, outputs, projections in groups:
        border = projections * rank
        forward = Work(
            "frozen products", 2 * rows * outputs * (inputs + border), 2 * (rows * (inputs + border + outputs) + inputs * outputs)
        )
        backward = Work("frozen products", 2 * rows * (outputs + border) * inputs, forward.bytes)
        yield from [forward, backward] * layers
    yield from _head(model, batch.labelled)
    yield _attention(model, batch, 5)  # PyTorch's for plain packing; ours for trees has 7, since it adds nothing atomically
    for outputs in (*(outputs for _, outputs in model.linears()[:3]), hidden, hidden):  # q k v o down; gate and up: below
        yield from [output_gradient(rows, outputs, rank, gpu)] * layers
    for inputs, border in ((hidden, 3 * rank), (model.attended, rank), (hidden, 2 * rank)):  # qkv, o, gate and up; down: below
        yield from [input_gradient(rows, inputs, border, gpu)] * layers
    yield from [
        Work(
            "attention into bordered rows",
            2 * rows * rank * model.attended,
            4 * rows * (model.attended + model.num_key_value_heads * model.head_dim),
        )
    ] * layers  # with u of o_proj; dv
    yield from [_gate_backward(rows, feed, rank, gpu)] * layers
    yield from _streams(model, batch, norm=8 + 8, rope=4 + 4, gate=6, residual=0)
    yield Work("cross entropy", 0, 6 * model.vocab_size * batch.labelled)
    yield _optimizer(model, rank, 4 + 28 + 2)


def output_gradient(rows: int, outputs: int, rank: int, gpu: Gpu) -> Work:
    """v and dB in one read of dy; both are written as fp32 partial sums and read again."""
    wide = 512 if _padded(rank) <= 16 and gpu.shared > 99 else 256  # as kernels/lora_backward.py chooses
    column_splits = -(-outputs // wide)
    splits = _row_splits(rows, column_splits, 64, gpu)
    partial = 8 * _padded(rank) * (column_splits * rows + splits * outputs)
    return Work("v and dB", 4 * rows * outputs * rank, 2 * rows * outputs + partial)


def input_gradient(rows: int, inputs: int, rank: int, gpu: Gpu) -> Work:
    """dA in one read of x."""
    splits = _row_splits(rows, -(-inputs // 128), 64, gpu)
    return Work("dA", 2 * rows * inputs * rank, 2 * rows * inputs + 8 * _padded(rank) * splits * inputs)


def _gate_backward(rows: int, feed: int, rank: int, gpu: Gpu) -> Work:
    """gate, up, dy read, dgate, dup written; v of both, dB of both and dA of down_proj on the way."""
    column_splits = -(-feed // 64)
    splits = _row_splits(rows, column_splits, 32, gpu)
    partial = 8 * _padded(rank) * (2 * column_splits * rows + 3 * splits * feed)
    return Work("swiglu backward", 10 * rows * feed * rank, 10 * rows * feed + partial)


def _row_splits(rows: int, other_programs: int, block: int, gpu: Gpu) -> int:
    """As kernels/partial_sums.py splits rows among programs."""
    blocks = -(-rows // block)
    wanted = -(-gpu.multiprocessors // other_programs)
    each = -(-blocks // min(wanted, blocks))
    return -(-blocks // each)


def _padded(rank: int) -> int:
    return max(16, 1 << (rank - 1).bit_length())


def lora_over_frozen(gpu: Gpu, rows: int = 8192, inputs: int = 4096, outputs: int = 4096, rank: int = 16) -> tuple[float, float]:
    """(time over the frozen linear's, extra bytes a token) of one LoRA linear, forward and backward, x written by our norm."""
    frozen = Work("frozen", 2 * rows * inputs * outputs, 2 * (rows * (inputs + outputs) + inputs * outputs))
    bordered = [
        Work("y", 2 * rows * outputs * (inputs + rank), frozen.bytes + 2 * rows * rank),
        Work("dx", 2 * rows * (outputs + rank) * inputs, frozen.bytes + 2 * rows * rank),
    ]
    extra = [output_gradient(rows, outputs, rank, gpu), input_gradient(rows, inputs, rank, gpu), Work("u", 0, 2 * rows * rank)]
    ratio = sum(work.seconds(gpu) for work in bordered + extra) / (2 * frozen.seconds(gpu))
    return ratio, sum(work.bytes for work in extra) / rows


ENGINES = (peft, liger, unsloth, ayar)
