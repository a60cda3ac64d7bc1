"""Frozen linear layers, with or without a peft adapter, as ``lora_linear``: the base weight is packed once, at first use."""

from typing import Any

import torch
from torch import Tensor, nn

from ayar.ops import Adapter, FrozenWeight, lora_linear

DTYPES = (torch.float32, torch.bfloat16)


class Packed:
    """The packed form of linear layers that share their input. Packed again when a weight has changed (merged, loaded, moved)."""

    def __init__(self, *linears: nn.Linear) -> None:
        self.linears = linears
        self._state: tuple[Any, ...] = ()
        self._weight: FrozenWeight | None = None

    def weight(self) -> FrozenWeight:
        state = tuple((linear.weight.data_ptr(), linear.weight._version, linear.weight.dtype) for linear in self.linears)
        if self._weight is None or state != self._state:
            weights = [linear.weight.detach() for linear in self.linears]
            self._weight, self._state = FrozenWeight.pack(weights, self._bias(), weights[0].dtype), state
        return self._weight

    def _bias(self) -> Tensor | None:
        if all(linear.bias is None for linear in self.linears):
            return None
        return torch.cat([torch.zeros(linear.out_features) if linear.bias is None else linear.bias.float() for linear in self.linears])


def plain_linear(module: Any) -> nn.Linear | None:
    """The frozen weight's own module: the layer itself, or what peft has wrapped; None where it is no plain linear layer."""
    inner = getattr(module, "base_layer", module)
    return inner if type(inner) is nn.Linear else None


def refusal(module: Any) -> str | None:
    """Why a linear layer cannot be taken, None where it can."""
    linear = plain_linear(module)
    if linear is None:
        return f"{type(getattr(module, 'base_layer', module)).__name__} is no plain linear layer"
    if linear.weight.requires_grad or (linear.bias is not None and linear.bias.requires_grad):
        return "its weight is trained; only frozen weights are packed"
    if linear.weight.dtype not in DTYPES:
        return f"its weight is {linear.weight.dtype}; float32 and bfloat16 are built"
    if linear.weight.device.type != "cpu":
        return f"it lies on {linear.weight.device}; the kernels here are the CPU's"
    if module is not linear and type(module).__module__ != "peft.tuners.lora.layer":
        return f"{type(module).__module__}.{type(module).__name__} is no plain LoRA layer"
    if getattr(module, "fan_in_fan_out", False):
        return "its weight is stored transposed (fan_in_fan_out)"
    return None


def is_plain_now(module: Any, x: Tensor) -> bool:
    """Whether our formula is what peft would compute at this moment: no merged weights, variants, hooks, several adapters, dropout, autocast."""
    linear = plain_linear(module)
    assert linear is not None
    if module._forward_hooks or module._forward_pre_hooks or linear._forward_hooks or linear._forward_pre_hooks:
        return False  # peft's choice of an adapter for each row is such a hook
    if torch.is_autocast_enabled(x.device.type) or x.dtype != linear.weight.dtype or x.device != linear.weight.device:
        return False
    if module is linear:
        return True
    if module.merged:
        return False
    active = _active(module)
    return len(active) <= 1 and not any(
        name in module.lora_variant or module.lora_bias.get(name) or (module.training and getattr(module.lora_dropout[name], "p", 0.0) > 0)
        for name in active
    )


def adapter_of(module: Any) -> Adapter | None:
    """The active adapter's own parameters: gradients go to them. None where there is none or adapters are disabled."""
    active = _active(module)
    if not active:
        return None
    lora_A, lora_B = module.lora_A[active[0]].weight, module.lora_B[active[0]].weight
    return Adapter(lora_A.float(), lora_B.float(), float(module.scaling[active[0]]))


def _active(module: Any) -> list[str]:
    if not hasattr(module, "lora_A") or module.disable_adapters:
        return []
    return [name for name in module.active_adapters if name in module.lora_A]


def project(module: Any, packed: Packed, x: Tensor) -> Tensor:
    """x (..., in) → (..., out)."""
    return lora_linear(x, packed.weight(), (adapter_of(module),))
