"""Fused training ops. Each file holds one op: the public function, its plain-PyTorch reference, its autograd function."""

from ayar.ops.frozen_weight import FrozenWeight
from ayar.ops.lora_linear import Adapter, lora_linear
from ayar.ops.rms_norm import rms_norm

__all__ = ["Adapter", "FrozenWeight", "lora_linear", "rms_norm"]
