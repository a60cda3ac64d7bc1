"""The road of a frozen product on a GPU: what the arithmetic says at its ends, and that it never turns back."""

import pytest

from ayar.ops.gpu_roads import Chip, Storage, road

H100 = Chip(90, 0.8 * 989e12, 3350e9)
RTX_3090 = Chip(86, 0.8 * 71e12, 936e9)


def test_a_plain_weight_is_bordered() -> None:
    assert road("bf16", 1, 4096, 4096, H100) == "bordered"
    assert road("bf16", 8192, 4096, 4096, H100) == "bordered"


@pytest.mark.parametrize("chip", [H100, RTX_3090])
@pytest.mark.parametrize("storage", ["nf4", "int8"])
def test_few_rows_read_the_weight_once_and_many_rows_copy_it_first(chip: Chip, storage: Storage) -> None:
    roads = [road(storage, rows, 4096, 4096, chip) for rows in (1, 16, 64, 256, 1024, 4096, 65536)]
    assert roads[0] == "inside"
    assert roads[-1] == "dequantize"
    assert roads == sorted(roads, reverse=True), "once the copy pays, it pays for more rows too"


def test_fp8_multiplies_as_it_is_only_where_the_chip_can() -> None:
    assert road("fp8", 8192, 4096, 4096, H100) == "fp8"
    assert road("fp8", 8192, 4096, 4096, RTX_3090) == "dequantize"
