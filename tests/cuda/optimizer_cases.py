"""AdamW with fp32 and 8-bit moments, its copies into borders, and the norm, against float64."""

import numpy as np

from tests.cuda.cases import Case, bfloat16

LEARNING_RATE, BETA1, BETA2, EPS, DECAY, STEP = 0.01, 0.9, 0.99, 1e-8, 0.1, 3


def settings() -> np.ndarray:
    return np.array([LEARNING_RATE, BETA1, BETA2, EPS, DECAY, 1 - BETA1**STEP, 1 - BETA2**STEP], np.float32)


def adamw_reference(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p, g, m, v = (x.astype(np.float64) for x in (p, g, m, v))
    m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g * g
    denominator = np.sqrt(v / (1 - BETA2**STEP)) + EPS
    return p * (1 - LEARNING_RATE * DECAY) - LEARNING_RATE / (1 - BETA1**STEP) * m / denominator, m, v


def dynamic_table(is_signed: bool) -> np.ndarray:
    """256 ascending values, denser towards zero (Dettmers et al., 2022): ±10^(i − 6) · midpoints of linspace(0.1, 1, ·), 0 and 1."""
    values = [0.0, 1.0]
    for i in range(7):
        count = 2**i if is_signed else 2 ** (i + 1)
        borders = np.linspace(0.1, 1, count + 1)
        middles = 10.0 ** (i - 6) * (borders[:-1] + borders[1:]) / 2
        values += [*middles, *(-middles if is_signed else [])]
    table = np.sort(np.array(values[:256] if len(values) >= 256 else values + [0.0] * (256 - len(values)), np.float32))
    assert table.shape == (256,)
    return table


def adamw_cases() -> list[Case]:
    random = np.random.default_rng(0)
    cases = []
    for shapes in ([(3, 5), (7, 4)], [(16, 40), (20, 16), (1, 1)]):
        offsets = np.cumsum([0] + [-(-rows * cols // 16) * 16 for rows, cols in shapes])  # each tensor starts on a cache line
        count = int(offsets[-1])
        p, g, m = (random.standard_normal(count).astype(np.float32) for _ in range(3))
        v, clip = random.random(count).astype(np.float32), np.array([0.5], np.float32)
        want = adamw_reference(p, g * clip, m, v)
        strides = [cols + 3 for _, cols in shapes]
        begins = np.cumsum([0] + [rows * stride for (rows, _), stride in zip(shapes, strides, strict=True)])
        borders = np.array([[o, r, c, s] for o, (r, c), s in zip(offsets, shapes, strides, strict=False)], np.int64)
        scales = np.array([1.0, 0.25, 2.0][: len(shapes)], np.float32)
        targets = np.full(int(begins[-1]), 7, np.uint16)
        begin = begins[:-1].astype(np.int64)
        begin[-1] = -1  # the last tensor has no border
        arguments = [p, g, m, v, count, settings(), clip, borders, scales, begin, targets, len(shapes)]
        cases.append(Case("adamw", arguments, {0: want[0], 2: want[1], 3: want[2]}, 1e-6))
        copied = targets.copy()
        for (rows, cols), offset, stride, at, scale in zip(shapes[:-1], offsets, strides, begin, scales, strict=False):
            view = copied[at : at + rows * stride].reshape(rows, stride)
            view[:, :cols] = bfloat16((want[0][offset : offset + rows * cols] * scale).reshape(rows, cols))
        cases.append(Case("adamw", arguments, {10: copied}, 1e-4))  # a rounding may fall the other way
        cases.append(Case("adamw", [*arguments[:11], 0], {10: targets, 0: want[0]}, 1e-6))
    return cases


def adamw_8bit_cases() -> list[Case]:
    random = np.random.default_rng(1)
    signed, unsigned = dynamic_table(True), dynamic_table(False)
    cases = []
    for count in (1, 256, 700):
        blocks = -(-count // 256)
        p, g = (random.standard_normal(count).astype(np.float32) for _ in range(2))
        code_m, code_v = (random.integers(0, 256, count).astype(np.uint8) for _ in range(2))
        absmax_m, absmax_v = (random.random(blocks).astype(np.float32) + 0.1 for _ in range(2))
        scale = np.repeat(np.arange(blocks), 256)[:count]
        want_p, m, v = adamw_reference(p, g, signed[code_m] * absmax_m[scale], unsigned[code_v] * absmax_v[scale])
        largest = [np.array([np.abs(x[scale == b]).max() for b in range(blocks)]) for x in (m, v)]
        arguments = [p, g, code_m, code_v, absmax_m, absmax_v, signed, unsigned, count, settings(), np.ones(1, np.float32)]
        cases.append(Case("adamw_8bit", arguments, {0: want_p, 4: largest[0], 5: largest[1]}, 1e-6))
        codes = [
            np.abs(x[:, None] / big[scale][:, None] - table[None]).argmin(1)
            for x, big, table in ((m, largest[0], signed), (v, largest[1], unsigned))
        ]
        cases.append(Case("adamw_8bit", arguments, {2: codes[0].astype(np.uint8), 3: codes[1].astype(np.uint8)}, 5e-3))
    return cases


def norm_cases() -> list[Case]:
    cases = []
    for count, max_norm in ((1, 1.0), (0, 1.0), (100_000, 1.0), (777, 1e6)):
        g = np.random.default_rng(count).standard_normal(count).astype(np.float32)
        norm = np.linalg.norm(g.astype(np.float64))
        arguments = [g, count, max_norm, np.full(264, np.nan), np.full(1, np.nan, np.float32), np.full(1, np.nan, np.float32)]
        expected = {4: np.array([norm]), 5: np.array([min(1.0, max_norm / (norm + 1e-6))])}
        cases.append(Case("gradient_norm", arguments, expected, 1e-6 if count else 1e-7))
    return cases
