"""Packing and cleaning on the device, against plain loops and against the CPU's cleaning."""

import ctypes

import numpy as np
import pyarrow as pa

from ayar.text.cleaning import CleanOptions, clean_batch
from tests.cuda.cases import Case

ONLY_INVISIBLE = CleanOptions.model_validate(
    {name: name == "invisible" for name, field in CleanOptions.model_fields.items() if field.annotation is bool}
)


def pack_cases() -> list[Case]:
    random = np.random.default_rng(5)
    cases = []
    for count in (0, 1, 128, 129, 300):
        lengths = random.integers(0, 50, count).astype(np.int32)
        want = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        cases.append(Case("running_sums", [lengths, np.full(count + 1, -1, np.int32), count], {1: want}))
    row_lengths = np.array([5, 1, 300, 0, 129])
    starts = np.concatenate([[0], np.cumsum(row_lengths)[:-1]]).astype(np.int64)
    tokens = random.integers(0, 1000, row_lengths.sum()).astype(np.int32)
    trained = random.integers(0, 2, row_lengths.sum()).astype(np.uint8)
    rows = np.array([4, 0, 3, 2, 1], np.int32)
    cu_seqlens = np.concatenate([[0], np.cumsum(row_lengths[rows])]).astype(np.int32)
    total = int(cu_seqlens[-1])
    input_ids, position, labels = np.zeros(total, np.int32), np.zeros(total, np.int32), np.full(total, -100, np.int64)
    for row, begin in zip(rows, cu_seqlens[:-1], strict=True):
        for i in range(row_lengths[row]):
            input_ids[begin + i], position[begin + i] = tokens[starts[row] + i], i
            if i + 1 < row_lengths[row] and trained[starts[row] + i + 1]:
                labels[begin + i] = tokens[starts[row] + i + 1]
    empty = [np.full(total, -1, np.int32), np.full(total, -1, np.int32), np.full(total, -1, np.int64)]
    arguments = [tokens, trained, starts, rows, cu_seqlens, len(rows), *empty]
    cases.append(Case("pack_rows", arguments, {6: input_ids, 7: position, 8: labels}))
    return cases


def texts(seed: int) -> list[bytes]:
    """Texts with all that cleaning must judge, and random bytes, which are mostly ill-formed."""
    random = np.random.default_rng(seed)
    parts = [
        b"plain ascii",
        "ğüşİöç 漢字 😀".encode(),
        b"\xf0\x9f\x98",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\x80\x80\x80\x80\x80",
        b"a\x00b\x07c",
        b"\xe2\x80\x8b",
    ]
    parts += [
        "\u00ad\u200e\ufeff\u2060".encode(),
        "\U000e0041".encode(),
        b"\xf4\x90\x80\x80",
        b"\xff\xfe",
        b"\xe2\x80",
        "\u200d".encode(),
        b"\x1b[31m",
    ]
    rows = [b"", *parts]
    for _ in range(40):
        rows.append(b"".join(parts[i] for i in random.integers(0, 13, random.integers(0, 12))))
        rows.append(random.integers(0, 256, random.integers(0, 300)).astype(np.uint8).tobytes())
    return rows


def clean_cases(library: ctypes.CDLL) -> list[Case]:
    flags = np.zeros(0x110000, np.uint8)
    library.code_point_flags(ctypes.c_void_p(flags.ctypes.data))
    rows = texts(1)
    data = np.frombuffer(b"".join(rows), np.uint8).copy()
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    cleaned = clean_batch(pa.array(rows, pa.binary()), ONLY_INVISIBLE)[0].to_pylist()
    marked = np.array([_needs_neighbours(row, flags) for row in rows], np.uint8)
    want = [row.decode(errors="replace").encode() if mark else text.encode() for row, mark, text in zip(rows, marked, cleaned, strict=True)]
    assert 0 < marked.sum() < len(rows) / 2
    new_offsets = np.concatenate([[0], np.cumsum([len(text) for text in want])]).astype(np.int64)
    measure = [data, offsets, len(rows), flags, np.full(len(rows) + 1, -1, np.int64), np.full(len(rows), 7, np.uint8)]
    write = [data, offsets, len(rows), flags, new_offsets, marked, np.zeros(int(new_offsets[-1]), np.uint8)]
    return [
        Case("clean_measure", measure, {4: new_offsets, 5: marked}),
        Case("clean_write", write, {6: np.frombuffer(b"".join(want), np.uint8)}),
    ]


def _needs_neighbours(row: bytes, flags: np.ndarray) -> bool:
    return any(ord(c) == 0x1B or flags[ord(c)] & 128 for c in row.decode(errors="replace"))
