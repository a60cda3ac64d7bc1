"""What bench/gpu_device.py compares with, each at its best settings: plain PyTorch, torch.compile, peft, Liger, Unsloth where installed."""

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Contest(NamedTuple):
    """inputs: what all are given. peers: each returns the gradient that is compared."""

    inputs: tuple[Tensor, ...]
    peers: dict[str, Callable[[], Tensor]]


def op_contests(randn: Callable[..., Tensor], rows: int, model: Any, compiles: bool, device: str) -> dict[str, Contest]:
    """RMSNorm, SwiGLU and a LoRA linear with bf16 adapters."""
    hidden, feed = model.hidden_size, model.intermediate_size
    x, dy = randn(rows, hidden), randn(rows, hidden)
    weight = torch.rand(hidden, device=device).to(x.dtype) + 0.5
    gate_up, dgate = randn(rows, 2 * feed), randn(rows, feed)
    frozen, lora_A, lora_B = (
        randn(hidden, hidden) / hidden**0.5,
        torch.randn(16, hidden, device=device),
        torch.randn(hidden, 16, device=device) / 8,
    )
    narrow_A, narrow_B = lora_A.to(x.dtype), lora_B.to(x.dtype)

    def norm(x: Tensor) -> Tensor:
        return torch.nn.functional.rms_norm(x, (hidden,), weight, 1e-6)

    def gate(x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return torch.nn.functional.silu(first) * second

    def linear(x: Tensor) -> Tensor:
        return x @ frozen.T + 2.0 * (x @ narrow_A.T) @ narrow_B.T

    contests = {
        "rms_norm": Contest((x, weight, dy), {"eager": _gradient(norm, x, dy)}),
        "swiglu": Contest((gate_up, dgate), {"eager": _gradient(gate, gate_up, dgate)}),
        "lora_linear": Contest((x, frozen, lora_A, lora_B, dy), {"eager": _gradient(linear, x, dy, (narrow_A, narrow_B))}),
    }
    if compiles:
        contests["rms_norm"].peers["compiled"] = _gradient(torch.compile(norm), x, dy)
        contests["swiglu"].peers["compiled"] = _gradient(torch.compile(gate), gate_up, dgate)
        contests["lora_linear"].peers["compiled"] = _gradient(torch.compile(linear), x, dy, (narrow_A, narrow_B))
    if device == "cuda" and importlib.util.find_spec("liger_kernel") is not None:
        from liger_kernel.ops.rms_norm import LigerRMSNormFunction  # pyright: ignore[reportMissingImports]

        contests["rms_norm"].peers["liger"] = _gradient(lambda x: LigerRMSNormFunction.apply(x, weight, 1e-6, 0.0, "llama", False), x, dy)
    return contests


def _gradient(op: Callable[[Tensor], Tensor], x: Tensor, dy: Tensor, trained: tuple[Tensor, ...] = ()) -> Callable[[], Tensor]:
    leaf = x.detach().clone().requires_grad_()
    for factor in trained:
        factor.requires_grad_()
    return lambda: torch.autograd.grad(op(leaf), [leaf, *trained], dy)[0]


def step(name: str, model: Any, ours: Any, batch: Any, rank: int) -> tuple[Callable[[], Tensor] | None, str]:
    """A step of a peer on the same weights, or None and why not. The batch's rows are of one length."""
    needed = {"peft": ("peft", "transformers"), "liger": ("peft", "transformers", "liger_kernel"), "unsloth": ("unsloth",)}[name]
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        return None, f"not installed: {', '.join(missing)}"
    if name == "unsloth":
        return None, "Unsloth loads its own checkpoints only; its kernels are compared op by op"
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    device = ours.embedding.device
    settings: dict[str, Any] = {
        "vocab_size": model.vocab_size, "hidden_size": model.hidden_size, "intermediate_size": model.intermediate_size, "head_dim": model.head_dim,
        "num_hidden_layers": model.num_hidden_layers, "num_attention_heads": model.num_attention_heads, "num_key_value_heads": model.num_key_value_heads,
        "rms_norm_eps": ours.shape.eps, "rope_theta": 10000.0, "max_position_embeddings": 8192, "tie_word_embeddings": False,
    }  # fmt: skip
    config = LlamaConfig(**settings)
    if name == "liger":
        from liger_kernel.transformers import apply_liger_kernel_to_llama  # pyright: ignore[reportMissingImports]

        apply_liger_kernel_to_llama()
    with torch.device("meta"):
        base = LlamaForCausalLM(config)
    base = base.to_empty(device=device).to(ours.embedding.dtype)
    _copy_weights(base, ours, model)
    base.model.rotary_emb.inv_freq.copy_(10000.0 ** (-torch.arange(0, model.head_dim, 2, device=device).float() / model.head_dim))
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    peer = get_peft_model(
        base, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets, lora_dropout=0.0), autocast_adapter_dtype=name == "peft"
    )
    _copy_adapters(peer, ours)
    rows = len(batch.cu_seqlens) - 1
    ids = torch.as_tensor(batch.input_ids, device=device).view(rows, -1)
    trained = [parameter for parameter in peer.parameters() if parameter.requires_grad]

    def run() -> Tensor:
        loss = peer(input_ids=ids, labels=ids, use_cache=False).loss * (ids.numel() - rows)
        torch.autograd.grad(loss, trained)
        return loss.detach()

    return run, ""


@torch.no_grad()
def _copy_weights(base: Any, ours: Any, model: Any) -> None:
    kv = model.num_key_value_heads * model.head_dim
    base.model.embed_tokens.weight.copy_(ours.embedding)
    base.lm_head.weight.copy_(ours.head.frozen)
    base.model.norm.weight.copy_(ours.norm)
    for layer, weights in zip(base.model.layers, ours.layers, strict=True):
        for module, part in zip(("q_proj", "k_proj", "v_proj"), weights.qkv.frozen.split((model.attended, kv, kv)), strict=True):
            getattr(layer.self_attn, module).weight.copy_(part)
        layer.self_attn.o_proj.weight.copy_(weights.o.frozen)
        gate, up = weights.gate_up.frozen.chunk(2)
        layer.mlp.gate_proj.weight.copy_(gate)
        layer.mlp.up_proj.weight.copy_(up)
        layer.mlp.down_proj.weight.copy_(weights.down.frozen)
        layer.input_layernorm.weight.copy_(weights.attention_norm)
        layer.post_attention_layernorm.weight.copy_(weights.mlp_norm)


@torch.no_grad()
def _copy_adapters(peer: Any, ours: Any) -> None:
    for layer, adapters in zip(peer.base_model.model.model.layers, ours.adapters, strict=True):
        attention, mlp = layer.self_attn, layer.mlp
        modules = (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        groups = (*adapters.qkv, *adapters.o, *adapters.gate_up, *adapters.down)
        for module, (_, lora_A, lora_B, _) in zip(modules, groups, strict=True):
            module.lora_A.default.weight.copy_(lora_A)
            module.lora_B.default.weight.copy_(lora_B)
