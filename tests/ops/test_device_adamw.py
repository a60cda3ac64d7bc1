"""The table of borders that the CUDA kernel reads, and what is refused; the update itself runs in tests/cuda."""

import pytest
import torch

from ayar.errors import AyarError, ShapeError
from ayar.ops.device_adamw import Border, DeviceAdamw, border_table


def test_table_is_ascending_and_knows_strides() -> None:
    buffer = torch.zeros(6, 20, dtype=torch.bfloat16)
    table = border_table([Border(64, buffer[:3, :5], 2.0), Border(0, buffer[3:, 4:], 1.0)])
    assert table["offset"].tolist() == [0, 64]
    assert table["cols"].tolist() == [16, 5]
    assert table["stride"].tolist() == [20, 20]
    assert table["target"].tolist() == [buffer[3:, 4:].data_ptr(), buffer.data_ptr()]
    assert table.dtype.itemsize == 48


def test_a_border_that_is_no_bf16_matrix_is_refused() -> None:
    with pytest.raises(ShapeError, match="bf16"):
        border_table([Border(0, torch.zeros(3, 5), 1.0)])


def test_cpu_tensors_are_refused() -> None:
    with pytest.raises(AyarError):
        DeviceAdamw(torch.zeros(4), torch.zeros(4))
