"""Arrays that live on a disk: memory holds what is in use of them, and can give it back."""

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys.common.atomic import report_full_disk


def mapped_array(
    shape: tuple[int, ...], kind: npt.DTypeLike, folder: Path
) -> npt.NDArray[np.generic]:
    """Zeros, mapped from a file in the folder that has no name and is gone when the array is.

    Where the folder takes none, the file is in that of TMPDIR, which may be of memory.

    Raises:
        InputError: the disk is full.
    """
    size = np.dtype(kind).itemsize * int(np.prod(shape))
    if not size:
        return np.zeros(shape, kind)
    place = folder if os.access(folder, os.W_OK) else None
    with report_full_disk(folder), tempfile.TemporaryFile(dir=place) as file:
        # Now, as there is no telling when a page finds no room later.
        os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, kind, "r+", shape=shape))
