"""Memory-mapped arrays: they are stored on disk, and memory holds only the pages in use."""

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys.common.atomic import report_full_disk


def mapped_array(
    shape: tuple[int, ...], kind: npt.DTypeLike, folder: Path
) -> npt.NDArray[np.generic]:
    """An array of zeros, mapped from a file without a name that disappears with the array.

    The file is in `folder`. If that is not writable, it is in the folder for temporary files
    (TMPDIR), which may be in memory.

    Raises:
        InputError: the disk of that folder is full.
    """
    size = np.dtype(kind).itemsize * int(np.prod(shape))
    if not size:
        return np.zeros(shape, kind)
    place = folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir())
    with report_full_disk(place), tempfile.TemporaryFile(dir=place) as file:
        # Reserve the space now. A page that finds no space later would kill the process.
        os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, kind, "r+", shape=shape))
