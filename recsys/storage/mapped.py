"""Memory-mapped arrays: they lie on disk, and memory holds only the pages in use."""

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys.common.atomic import report_full_disk


def mapped_array(
    shape: tuple[int, ...], kind: npt.DTypeLike, folder: Path
) -> npt.NDArray[np.generic]:
    """An array of zeros, mapped from a file without a name.

    The file lies in `folder`, or in the folder for temporary files (TMPDIR, which may be in
    memory) if `folder` is not writable. The file disappears with the array.

    Raises:
        InputError: the disk of the file's folder is full.
    """
    size = np.dtype(kind).itemsize * int(np.prod(shape))
    if not size:
        return np.zeros(shape, kind)
    place = folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir())
    with report_full_disk(place), tempfile.TemporaryFile(dir=place) as file:
        # Reserve the space now. A page that finds no space later would kill the process.
        os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, kind, "r+", shape=shape))
