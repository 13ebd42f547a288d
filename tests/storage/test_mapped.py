import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from recsys.common.errors import InputError
from recsys.storage.mapped import mapped_array


@pytest.mark.parametrize("shape", [(5,), (3, 2), (0,), (4, 0)])
def test_an_array_starts_as_zeros_and_is_writable(shape: tuple[int, ...], tmp_path: Path) -> None:
    array = mapped_array(shape, np.int16, tmp_path)
    assert (array.shape, array.dtype, array.any()) == (shape, np.int16, False)
    assert isinstance(array.base, np.memmap) == bool(array.size)
    array += 7
    assert (array == 7).all()


def test_the_file_of_an_array_has_no_name(tmp_path: Path) -> None:
    array = mapped_array((1000,), np.float32, tmp_path)
    assert not list(tmp_path.iterdir())
    assert str(tmp_path) in Path("/proc/self/maps").read_text()
    del array
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("is_writable", [True, False])
def test_a_full_disk_is_reported_at_once_with_the_folder_that_is_full(
    is_writable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(os, "access", lambda *_: is_writable)
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    place = tmp_path if is_writable else elsewhere
    with pytest.raises(InputError, match=f"^{place}: the disk is full"):
        mapped_array((1,), np.int8, tmp_path)


def test_a_folder_that_is_not_writable_is_replaced_by_tmpdir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    array = mapped_array((5,), np.int8, tmp_path)
    assert array.tolist() == [0] * 5
    assert str(elsewhere) in Path("/proc/self/maps").read_text()
