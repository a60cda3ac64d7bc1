"""Fused training ops. Each file holds one op: the public function, its plain-PyTorch reference, its autograd function."""

from ayar.ops.adamw import adamw_, gradient_norm
from ayar.ops.attention import attention
from ayar.ops.attention_varlen import attention_varlen
from ayar.ops.dropout import Dropout
from ayar.ops.frozen_weight import FrozenWeight, Storage
from ayar.ops.geglu import geglu
from ayar.ops.head_norm import head_norm
from ayar.ops.linear_cross_entropy import linear_cross_entropy
from ayar.ops.lora_linear import Adapter, lora_linear
from ayar.ops.rms_norm import rms_norm, rms_norm_branch
from ayar.ops.rope import rope
from ayar.ops.swiglu import swiglu
from ayar.ops.swiglu_mlp import swiglu_mlp

__all__ = [
    "Adapter",
    "Dropout",
    "FrozenWeight",
    "Storage",
    "adamw_",
    "attention",
    "attention_varlen",
    "geglu",
    "gradient_norm",
    "head_norm",
    "linear_cross_entropy",
    "lora_linear",
    "rms_norm",
    "rms_norm_branch",
    "rope",
    "swiglu",
    "swiglu_mlp",
]
