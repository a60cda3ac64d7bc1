"""NF4 and int8, against the formulas."""

import numpy as np
import torch

from ayar.ops.nf4 import nf4_dequantize_reference, nf4_quantize_reference
from tests.cuda.cases import Case, bfloat16


def nf4_cases() -> list[Case]:
    cases = []
    for blocks in (1, 3, 8, 9, 70):
        torch.manual_seed(blocks)
        x = torch.randn(blocks, 64) * torch.rand(blocks, 1) * 3
        x[::5] = 0  # a block of zeros has no scale
        want = nf4_quantize_reference(x)
        code, absmax = np.full(x.numel() // 2, 0xAA, np.uint8), np.full(blocks, np.nan, np.float32)
        expected = {1: want.code.numpy(), 2: want.absmax.numpy()}
        cases.append(Case("nf4_quantize", [x.numpy().reshape(-1), code, absmax, x.numel()], expected))
    for rows, cols, stride in ((1, 64, 64), (31, 64, 64), (33, 128, 192)):  # a bordered buffer has spare columns, which stay
        weight = nf4_quantize_reference(torch.randn(rows, cols))
        for function, dtype in (("nf4_dequantize_float32", np.float32), ("nf4_dequantize_bfloat16", np.uint16)):
            plain = nf4_dequantize_reference(weight, torch.float32).numpy()
            before = np.full((rows, stride), 7, dtype)
            want = before.copy()
            want[:, :cols] = plain if dtype == np.float32 else bfloat16(plain)
            arguments = [weight.code.numpy(), weight.absmax.numpy(), before, rows * cols, cols, stride]
            cases.append(Case(function, arguments, {2: want}))
    return cases


def int8_cases() -> list[Case]:
    cases = []
    for rows, cols, stride in ((1, 1, 1), (5, 300, 307), (3, 256, 256), (0, 8, 8), (2, 1030, 1088)):
        x = np.random.default_rng(cols).standard_normal((rows, stride)).astype(np.float32)
        x[::2, 0] = 0
        x[:1] = 0  # a row of zeros has no scale
        absmax = np.abs(x[:, :cols]).max(1) if rows else np.zeros(0, np.float32)
        factor = np.where(absmax > 0, np.float32(127) / np.where(absmax > 0, absmax, 1), 0).astype(np.float32)
        code = np.rint(x[:, :cols] * factor[:, None]).astype(np.int8)
        arguments = [x, stride, np.full((rows, cols), 99, np.int8), np.full(rows, np.nan, np.float32), rows, cols]
        cases.append(Case("int8_quantize", arguments, {2: code, 3: absmax}))
        plain = code.astype(np.float32) * (absmax / np.float32(127))[:, None]
        for function, dtype in (("int8_dequantize_float32", np.float32), ("int8_dequantize_bfloat16", np.uint16)):
            before = np.full((rows, stride), 7, dtype)
            want = before.copy()
            want[:, :cols] = plain if dtype == np.float32 else bfloat16(plain)
            cases.append(Case(function, [code, absmax, before, stride, rows, cols], {2: want}))
    return cases
