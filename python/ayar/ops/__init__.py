"""Fused training ops. Each file holds one op: the public function, its plain-PyTorch reference, its autograd function."""

from ayar.ops.rms_norm import rms_norm

__all__ = ["rms_norm"]
