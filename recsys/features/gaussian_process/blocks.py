"""Compiled loops over groups of rows, in threads.

Numba compiles a loop with `nogil=True`, so that threads of one process run it at once. Each group
of rows is computed by one thread, in the same order. So any number of threads gives the same bytes.

With `cache=True`, numba notices changes in a function's own file only. So compiled functions call
none of another file, although two files then have the same short helper.

Shapes: G groups.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from recsys.common.arrays import Ints

# More blocks than threads, because some take longer than others.
BLOCKS_PER_THREAD = 8


def run_in_blocks(work: Callable[[int, int], None], starts: Ints, threads: int) -> None:
    """Call `work(first, last)` for blocks of groups, until all groups from 0 to G are done.

    Args:
        work: computes the groups from `first` up to but not including `last`.
        starts: the first row of each group, and the number of rows, [G + 1]
    """
    # About as many rows in each block.
    places = np.linspace(0, starts[-1], threads * BLOCKS_PER_THREAD + 1)
    bounds = np.unique(np.append(np.searchsorted(starts, places), len(starts) - 1)).tolist()
    with ThreadPoolExecutor(threads) as pool:
        # Reading the results raises an exception of a thread.
        list(pool.map(work, bounds[:-1], bounds[1:]))
