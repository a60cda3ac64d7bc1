"""Fused training ops. Each file holds one op: the public function, its plain-PyTorch reference, its autograd function."""

from ayar.ops.adamw import adamw_, gradient_norm
from ayar.ops.rms_norm import rms_norm
from ayar.ops.rope import rope
from ayar.ops.swiglu import swiglu

__all__ = ["adamw_", "gradient_norm", "rms_norm", "rope", "swiglu"]
