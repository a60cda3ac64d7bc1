"""Dropout masks from a counter (Philox 4x32-10: Salmon et al., 2011): made again in the backward pass, never stored."""

import triton
import triton.language as tl


@triton.jit
def _keep_scale(seed, element, keep):
    """1 / keep where the element (its index, int64) is kept, with probability ``keep``; 0 elsewhere."""
    low = (element & 0xFFFFFFFF).to(tl.uint32)
    high = (element >> 32).to(tl.uint32)
    zero = low * 0
    word, _, _, _ = tl.philox(seed, low, high, zero, zero)
    return tl.where((word >> 8).to(tl.float32) * 5.9604644775390625e-8 < keep, 1 / keep, 0.0)  # 24 bits: exact in fp32
