# pyright: reportMissingImports=false
"""One section of measurements on a CUDA device: python bench/gpu_device.py SECTION --json FILE. bench/gpu.py runs them all.

Medians of repeated runs between CUDA events; contestants take turns, answers are compared before the clock starts. ``--tiny`` shrinks
every shape and takes the CPU where there is no device (with TRITON_INTERPRET=1): it tests this script and measures nothing.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gpu_peers
from ayar.kernels import lora_backward, rms_norm, swiglu
from ayar.model.gpu_decoder import GpuDecoder
from ayar.ops import backend, lora_linear
from ayar.ops.bordered import BorderedWeight, border_of, bordered_rows, factors_of
from ayar.ops.frozen_weight import FrozenWeight
from ayar.ops.gpu_layer import LayerAdapters, LayerShape, LayerWeights
from ayar.ops.lora_linear import Adapter
from ayar.pipeline import gpu_model
from ayar.pipeline.gpu_model import Architecture

LLAMA = gpu_model.LLAMA_3_8B
QWEN = gpu_model.QWEN3_1_7B
TINY = Architecture(64, 96, 2, 4, 2, 16, 128)
RANK = 16


@dataclass
class Rows:
    """A packed batch, as ayar.model.batch has it."""

    input_ids: np.ndarray
    position_ids: np.ndarray
    cu_seqlens: np.ndarray
    parents: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


class Setting:
    """Where and how large. tiny: shapes that the interpreter can do."""

    def __init__(self, is_tiny: bool) -> None:
        self.is_tiny = is_tiny
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        if self.device == "cpu" and not is_tiny:
            raise SystemExit("no CUDA device here")

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(shape, device=self.device, dtype=self.dtype)

    def seconds(self, runs: dict[str, Callable[[], Any]], repeats: int = 7, warm: int = 2) -> dict[str, float]:
        """Median of each contestant, in turns."""
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(1 if self.is_tiny else warm + repeats):
            for name, run in runs.items():
                taken[name].append(self._timed(run))
                if turn < warm and not self.is_tiny:
                    taken[name].clear()
        return {name: statistics.median(values) for name, values in taken.items()}

    def _timed(self, run: Callable[[], Any]) -> float:
        if self.device == "cpu":
            begin = time.perf_counter()
            run()
            return time.perf_counter() - begin
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3


def ceilings(setting: Setting) -> dict[str, Any]:
    """What the card can do: a copy, and a large product."""
    size = 256 if setting.is_tiny else 8192
    a, b, large = setting.randn(size, size), setting.randn(size, size), setting.randn(1 << (16 if setting.is_tiny else 29))
    copy = torch.empty_like(large)
    taken = setting.seconds({"matmul": lambda: a @ b, "copy": lambda: copy.copy_(large)})
    return {"matmul_tflops": 2 * size**3 / taken["matmul"] / 1e12, "copy_gb_s": 2 * large.nbytes / taken["copy"] / 1e9}


def linear(setting: Setting) -> dict[str, Any]:
    """A LoRA linear forward and backward over the frozen one: x from our norm, dy in rows with room for v."""
    rows, size = (48, 32) if setting.is_tiny else (8192, 4096)
    weight = BorderedWeight([setting.randn(size, size) / size**0.5], None, setting.dtype)
    lora_A, lora_B = (torch.randn(RANK, size, device=setting.device), torch.randn(size, RANK, device=setting.device) / 8)
    x, norm = setting.randn(rows, size), torch.ones(size, device=setting.device)
    dy = bordered_rows(rows, size, x, weight.border).copy_(setting.randn(rows, size))
    normed, rstd, y, dx = (
        bordered_rows(rows, size, x, weight.border),
        x.new_empty(rows, dtype=torch.float32),
        x.new_empty(rows, size),
        x.new_empty(rows, size),
    )
    factors = factors_of([(0, lora_A, lora_B, 2.0)])
    da, db = torch.empty_like(lora_A), torch.empty_like(lora_B)

    def frozen() -> None:
        rms_norm.launch_norm_project(x, None, norm, 1e-6, None, normed, None, rstd, None)
        weight.product(normed, 0, y)
        weight.product_backward(dy, 0, dx)

    def adapted() -> None:
        used = weight.write(factors)
        rms_norm.launch_norm_project(x, None, norm, 1e-6, weight.below(used), normed, border_of(normed, used), rstd, None)
        weight.product(normed, used, y)
        lora_backward.launch_output_gradient(dy, border_of(normed, used), lora_B, 2.0, border_of(dy, used), db)
        weight.product_backward(dy, used, dx)
        lora_backward.launch_input_gradient(border_of(dy, used), x, rstd, norm, da)

    adapted()
    plain = (normed.double() @ (weight.frozen.double() + 2.0 * lora_B.double() @ lora_A.double()).T).to(setting.dtype)
    require_close({"adapted": y, "formula": plain}, 2e-2)
    taken = setting.seconds({"frozen": frozen, "adapted": adapted}, repeats=15)
    return {"lora_over_frozen": taken["adapted"] / taken["frozen"], "lora_linear_ms": taken["adapted"] * 1e3}


def ops(setting: Setting) -> dict[str, Any]:
    """Single ops against eager, torch.compile, and Liger and Unsloth where they are installed: forward and backward, milliseconds."""
    rows, model = (16, TINY) if setting.is_tiny else (8192, LLAMA)
    found: dict[str, Any] = {}
    contests = gpu_peers.op_contests(setting.randn, rows, model, compiles=not setting.is_tiny, device=setting.device)
    ours = {"rms_norm": _our_norm, "swiglu": _our_gate, "lora_linear": _our_linear}
    for name, contest in contests.items():
        contestants = {"ayar": ours[name](contest), **contest.peers}
        answers = {who: run() for who, run in contestants.items()}
        require_close(answers, 3e-2)
        for who, seconds in setting.seconds(contestants).items():
            found[f"{name}_{who}_ms"] = seconds * 1e3
    return found


def _our_norm(contest: Any) -> Callable[[], Tensor]:
    x, weight, dy = contest.inputs
    rstd, y, dx = x.new_empty(len(x), dtype=torch.float32), torch.empty_like(x), torch.empty_like(x)

    def run() -> Tensor:
        rms_norm.launch_norm_project(x, None, weight.float(), 1e-6, None, y, None, rstd, None)
        rms_norm.launch_norm_backward(dy, x, weight.float(), rstd, None, dx)
        return dx

    return run


def _our_gate(contest: Any) -> Callable[[], Tensor]:
    gate_up, dy = contest.inputs
    y, gradient = torch.empty_like(dy), torch.empty_like(gate_up)

    def run() -> Tensor:
        swiglu.launch_swiglu_project(gate_up, None, y, None)
        swiglu.launch_swiglu_backward(dy, gate_up, gradient)
        return gradient

    return run


def _our_linear(contest: Any) -> Callable[[], Tensor]:
    x, weight, lora_A, lora_B, dy = contest.inputs
    leaf, adapter = x.detach().requires_grad_(), Adapter(lora_A.detach().requires_grad_(), lora_B.detach().requires_grad_(), 2.0)
    with _kernels():
        frozen = FrozenWeight.pack([weight])

    def run() -> Tensor:
        with _kernels():
            y = lora_linear(leaf, frozen, [adapter])
            return torch.autograd.grad(y, [leaf, adapter.lora_A, adapter.lora_B], dy)[0]

    return run


def _kernels() -> Any:
    """The Triton backend also on CPU tensors, for --tiny."""
    return contextlib.nullcontext() if torch.cuda.is_available() else backend.use(backend.TRITON)


def steps(setting: Setting) -> dict[str, Any]:
    """Whole steps of Llama-3-8B-shaped layers: 4 × 2048 tokens, every row labelled, LoRA r = 16 on all projections."""
    found: dict[str, Any] = {}
    model, batch = (TINY, gpu_model.Batch(2, 24, 48)) if setting.is_tiny else (_cut(LLAMA, setting, 12e9), gpu_model.Batch(4, 2048, 8192))
    found["step_layers"] = model.num_hidden_layers
    found |= _contest(setting, model, batch, "")
    if not setting.is_tiny:
        for length in (512, 8192):
            found |= _contest(
                setting, _cut(QWEN, setting, 4e9), gpu_model.Batch(8192 // length, length, 8192), f"_qwen_{length}", is_whole=False
            )
    return found


def _cut(model: Architecture, setting: Setting, bytes_wanted: float) -> Architecture:
    """As many layers as leave room for activations: weights of at most ``bytes_wanted``, or a third of the card."""
    room = min(bytes_wanted, torch.cuda.get_device_properties(0).total_memory / 3)
    layer = 2 * sum(inputs * outputs for inputs, outputs in model.linears())
    layers = int((room - 4 * model.vocab_size * model.hidden_size) // layer)
    return replace(model, num_hidden_layers=max(1, min(model.num_hidden_layers, layers)))


def _contest(setting: Setting, model: Architecture, batch: gpu_model.Batch, suffix: str, is_whole: bool = True) -> dict[str, Any]:
    ours = random_decoder(setting, model)
    packed = random_batch(model, batch)

    def step() -> Tensor:
        loss = ours.loss(packed)
        torch.autograd.grad(loss, [t for adapters in ours.adapters for t in adapters.tensors])
        return loss.detach()

    contestants: dict[str, Callable[[], Any]] = {"ayar": step}
    reasons: dict[str, str] = {}
    for name in ("peft", "liger", "unsloth"):
        peer, reason = gpu_peers.step(name, model, ours, packed, RANK) if is_whole else (None, "Llama-shaped steps only")
        if peer is None:
            reasons[name] = reason
        else:
            contestants[name] = peer
    answers = {name: run() for name, run in contestants.items()}
    require_close(answers, 2e-2)
    taken = setting.seconds(contestants, repeats=5)
    if setting.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    step()
    peak = torch.cuda.max_memory_allocated() / 2**20 if setting.device == "cuda" else 0.0
    flops = sum(work.flops for work in gpu_model.ayar(model, batch, RANK, gpu_model.GPUS["h100"]))
    rate = ceilings(setting)["matmul_tflops"] if setting.device == "cuda" else 1.0
    found: dict[str, Any] = {
        f"step_seconds{suffix}": taken["ayar"],
        f"tokens_per_second{suffix}": batch.rows / taken["ayar"],
        f"fraction_of_matmul_ceiling{suffix}": flops / taken["ayar"] / 1e12 / rate,
        f"peak_memory_mb{suffix}": peak,
    }
    for name in ("peft", "liger", "unsloth"):
        found[f"step_vs_{name}{suffix}"] = taken[name] / taken["ayar"] if name in taken else None
        if name in reasons:
            found[f"step_vs_{name}{suffix}_reason"] = reasons[name]
    return found


def qlora(setting: Setting) -> dict[str, Any]:
    """NF4 and int8 inside the product, few rows and many, against the bordered bf16 product: milliseconds forward."""
    from ayar.kernels import lora_linear as gemm
    from ayar.ops.nf4 import CODEBOOK, nf4_dequantize_reference, nf4_quantize_reference

    outputs, inputs = (64, 64) if setting.is_tiny else (14336, 4096)
    weight = torch.randn(outputs, inputs) / inputs**0.5
    packed = nf4_quantize_reference(weight)
    plain = nf4_dequantize_reference(packed, torch.float32).to(setting.device, setting.dtype)
    book = torch.tensor(CODEBOOK, device=setting.device)
    stored = gemm.Stored(gemm.NF4, packed.code.to(setting.device), packed.absmax.to(setting.device), book, (outputs, inputs))
    found: dict[str, Any] = {}
    for rows in (3, 40) if setting.is_tiny else (1, 16, 128, 1024, 8192):
        x, y = setting.randn(rows, inputs), setting.randn(rows, outputs)

        def inside(x: Tensor = x, y: Tensor = y) -> Tensor:
            gemm.launch_bordered_gemm(x, stored, None, None, 1.0, y)
            return y

        contestants = {"nf4_inside": inside, "bf16": lambda x=x: x @ plain.T}
        require_close({name: run() for name, run in contestants.items()}, 2e-2)
        for who, seconds in setting.seconds(contestants).items():
            found[f"{who}_{rows}_rows_ms"] = seconds * 1e3
    return found


def tree(setting: Setting) -> dict[str, Any]:
    """64 rows of 20 tokens behind a prefix of 400: the tree over the same rows packed one after another."""
    model, rows, tail, prefix = (TINY, 3, 4, 30) if setting.is_tiny else (_cut(QWEN, setting, 4e9), 64, 20, 400)
    ours = random_decoder(setting, model)
    shared = np.random.default_rng(0)
    start = shared.integers(0, model.vocab_size, prefix)
    tails = [shared.integers(0, model.vocab_size, tail) for _ in range(rows)]
    flat = _batch([np.concatenate([start, x]) for x in tails], first_trained=prefix)
    as_tree = _batch([start, *tails], first_trained=0, offsets=[0] + [prefix] * rows)
    as_tree.positions, as_tree.targets = _tree_pairs(prefix, tails)
    as_tree.weights, as_tree.parents = np.ones(len(as_tree.targets), np.float32), np.array([-1] + [0] * rows)

    def run(batch: Rows) -> Tensor:
        loss = ours.loss(batch)
        torch.autograd.grad(loss, [t for adapters in ours.adapters for t in adapters.tensors])
        return loss.detach()

    contestants = {"tree": lambda: run(as_tree), "flat": lambda: run(flat)}
    require_close({name: contestant() for name, contestant in contestants.items()}, 2e-2)
    taken = setting.seconds(contestants)
    return {"tree_speedup": taken["flat"] / taken["tree"]}


def _tree_pairs(prefix: int, tails: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The last token of the prefix predicts the first of every tail."""
    positions, targets, begin = [], [], prefix
    for tail in tails:
        positions += [prefix - 1, *range(begin, begin + len(tail) - 1)]
        targets += tail.tolist()
        begin += len(tail)
    return np.array(positions), np.array(targets)


def fp8(setting: Setting) -> dict[str, Any]:
    """A product with both sides in e4m3 and row-wise scales over the bf16 one; sm_89 and newer."""
    if setting.device != "cuda" or torch.cuda.get_device_capability() < (8, 9):
        return {"fp8_base_speedup": None, "fp8_base_speedup_reason": "needs sm_89 or newer"}
    rows, size = 8192, 4096
    x, weight = setting.randn(rows, size), setting.randn(size, size) / size**0.5

    def quantized(a: Tensor) -> tuple[Tensor, Tensor]:
        scale = a.abs().amax(1, keepdim=True).float() / 448
        return (a / scale).to(torch.float8_e4m3fn), scale

    weight8, weight_scale = quantized(weight)

    def product() -> Tensor:
        x8, scale = quantized(x)
        return torch._scaled_mm(  # pyright: ignore[reportPrivateImportUsage]
            x8, weight8.t(), scale_a=scale, scale_b=weight_scale.t(), out_dtype=torch.bfloat16
        )

    contestants = {"fp8": product, "bf16": lambda: x @ weight.T}
    require_close({name: run() for name, run in contestants.items()}, 6e-2)
    taken = setting.seconds(contestants)
    return {"fp8_base_speedup": taken["bf16"] / taken["fp8"]}


def random_decoder(setting: Setting, model: Architecture) -> GpuDecoder:
    """Random weights of the model's shapes; the work of a step does not depend on their values."""
    torch.manual_seed(0)
    hidden, feed, kv = model.hidden_size, model.intermediate_size, model.num_key_value_heads * model.head_dim

    def product(outputs: Sequence[int], inputs: int) -> BorderedWeight:
        return BorderedWeight([setting.randn(n, inputs) / inputs**0.5 for n in outputs], None, setting.dtype)

    def adapters(outputs: Sequence[int], inputs: int) -> list[tuple[int, Tensor, Tensor, float]]:
        starts = np.cumsum([0, *outputs])
        made = []
        for start, n in zip(starts, outputs, strict=False):
            lora_A = (torch.randn(RANK, inputs, device=setting.device) / inputs**0.5).requires_grad_()
            made.append((int(start), lora_A, (torch.randn(n, RANK, device=setting.device) / 32).requires_grad_(), 2.0))
        return made

    ones = torch.ones(hidden, device=setting.device)
    layers, trained = [], []
    for _ in range(model.num_hidden_layers):
        qkv = product((model.attended, kv, kv), hidden)
        layers.append(
            LayerWeights(ones, qkv, product((hidden,), model.attended), ones, product((feed, feed), hidden), product((hidden,), feed))
        )
        trained.append(
            LayerAdapters(
                adapters((model.attended, kv, kv), hidden),
                adapters((hidden,), model.attended),
                adapters((feed, feed), hidden),
                adapters((hidden,), feed),
            )
        )
    frequencies = 10000.0 ** (-torch.arange(0, model.head_dim, 2, device=setting.device).float() / model.head_dim)
    angles = torch.arange(8192, device=setting.device)[:, None] * frequencies
    shape = LayerShape(model.num_attention_heads, model.num_key_value_heads, model.head_dim, 1e-5, model.head_dim**-0.5)
    embedding, head = setting.randn(model.vocab_size, hidden), product((model.vocab_size,), hidden)
    return GpuDecoder(embedding, layers, trained, shape, ones, head, angles.cos(), angles.sin())


def random_batch(model: Architecture, batch: gpu_model.Batch) -> Rows:
    random = np.random.default_rng(0)
    return _batch([random.integers(0, model.vocab_size, batch.seq_len) for _ in range(batch.sequences)], first_trained=0)


def _batch(rows: list[np.ndarray], first_trained: int, offsets: list[int] | None = None) -> Rows:
    """Rows one after another; each token from ``first_trained`` on predicts the next one of its row."""
    lengths = [len(row) for row in rows]
    bounds = np.cumsum([0, *lengths]).astype(np.int32)
    position_ids = np.concatenate([np.arange(n) + (offsets[i] if offsets else 0) for i, n in enumerate(lengths)]).astype(np.int32)
    first = max(first_trained - 1, 0)
    positions = np.concatenate([np.arange(begin + first, begin + n - 1) for begin, n in zip(bounds[:-1], lengths, strict=True)])
    ids = np.concatenate(rows)
    return Rows(
        input_ids=ids, position_ids=position_ids, cu_seqlens=bounds, parents=np.full(len(rows), -1), positions=positions,
        targets=ids[positions + 1], weights=np.ones(len(positions), np.float32),
    )  # fmt: skip


def require_close(answers: dict[str, Tensor], tolerance: float) -> None:
    """Stops where contestants disagree: speed is worth nothing then."""
    (first, want), *others = answers.items()
    for name, got in others:
        error = (got.double() - want.double()).norm() / want.double().norm().clamp(min=1e-30)
        if not error <= tolerance:
            raise SystemExit(f"{name} and {first} differ by {error:.2e}: no speed is worth reporting")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sections = {section.__name__: section for section in (ceilings, linear, ops, steps, qlora, tree, fp8)}
    parser.add_argument("section", choices=sections)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if arguments.tiny and not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        sys.exit("--tiny without a device needs TRITON_INTERPRET=1")
    if importlib.util.find_spec("triton") is None:
        sys.exit("Triton is not installed: pip install 'ayar[gpu]'")
    torch.manual_seed(0)
    found = sections[arguments.section](Setting(arguments.tiny))
    with tempfile.NamedTemporaryFile("w", dir=arguments.json.parent, delete=False, encoding="utf-8") as file:
        json.dump(found, file, indent=1)
    os.replace(file.name, arguments.json)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
