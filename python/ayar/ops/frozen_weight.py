"""A frozen weight in the form that the kernels multiply with."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops import backend
from ayar.ops.int8 import Int8

Storage = Literal["full", "nf4", "int8"]  # how a frozen weight is kept
_DTYPES = (torch.float32, torch.bfloat16)


class FrozenWeight:
    """The rows of one or more projections that share their input, stacked along N; converted and packed once.

    Serves y = x Wᵀ + bias and dx = dy W. The panels for dx are made at the first backward, so evaluation holds one copy.
    Make it with ``pack``; it does not keep the tensors it was made from.

    storage: "full", in dtype. "nf4": 4.13 bits a weight, double-quantized; numbers again a few panels at a time while they multiply.
    "int8": by row; x and dy are quantized row by row too and multiply as integers (ayar.ops.int8 has the formulas).
    """

    shape: tuple[int, int]
    splits: tuple[int, ...]
    dtype: torch.dtype
    storage: Storage
    bias: Tensor | None
    device: torch.device
    packed: Any  # what a kernel takes: a native PackedWeight on the CPU, a BorderedWeight on a GPU

    @classmethod
    def pack(
        cls, weights: Sequence[Tensor], bias: Tensor | None = None, dtype: torch.dtype | None = None, storage: Storage = "full"
    ) -> "FrozenWeight":
        """Packs weights (N_i, K), fp32 or bf16, computing in ``dtype`` (fp32 or bf16; default: that of the first weight).

        bias: (ΣN_i,) or None, added in fp32. Raises ShapeError.
        """
        if not weights:
            raise ShapeError("FrozenWeight: there is no weight to pack")
        dtype = weights[0].dtype if dtype is None else dtype
        if dtype not in _DTYPES:
            raise ShapeError(f"FrozenWeight: computes in float32 or bfloat16, not in {dtype}")
        for weight in weights:
            if weight.dim() != 2 or weight.shape[1] != weights[0].shape[-1]:
                raise ShapeError(f"FrozenWeight: weights must be (N_i, K) with one K, not {[tuple(w.shape) for w in weights]}")
            if weight.requires_grad:
                raise ShapeError(
                    "FrozenWeight: a weight requires grad, but a packed weight gets none: call requires_grad_(False) or detach()"
                )
        self = cls()
        self.splits = tuple(weight.shape[0] for weight in weights)
        self.shape = (sum(self.splits), weights[0].shape[1])
        self.dtype, self.storage = dtype, storage
        if bias is not None and bias.shape != self.shape[:1]:
            raise ShapeError(f"FrozenWeight: bias {tuple(bias.shape)} must have {self.shape[0]} elements")
        self.bias = None if bias is None else bias.detach().to(torch.float32, copy=True)
        plain = [_plain(weight) for weight in weights]
        self.packed = backend.packing(plain[0]).PackedWeight(plain, self.bias, dtype == torch.bfloat16, storage)
        self.device = plain[0].device
        return self

    def unpack(self, dtype: torch.dtype | None = None) -> Tensor:
        """The stacked weight (N, K), newly made: of this weight's dtype, or of fp32, in which a quantized one is not rounded."""
        weight = torch.empty(self.shape, dtype=dtype or self.dtype, device=self.device)
        self.packed.unpack(weight)
        return weight

    def unpack_int8(self) -> Int8:
        """Codes and scales of a weight that is kept in int8."""
        scale = torch.empty(self.shape[0], 1)
        self.packed.int8_scales(scale)
        return Int8((self.unpack(torch.float32) / scale).nan_to_num().round(), scale)

    @property
    def nbytes(self) -> int:
        """Bytes held by the packed form."""
        return int(self.packed.nbytes)

    def __repr__(self) -> str:
        return f"FrozenWeight(shape={self.shape}, splits={self.splits}, dtype={self.dtype}, storage={self.storage!r})"


def _plain(weight: Tensor) -> Tensor:
    weight = weight.detach()
    weight = weight if weight.dtype in _DTYPES else weight.float()
    return weight if weight.stride(-1) == 1 or weight.shape[1] <= 1 else weight.contiguous()
