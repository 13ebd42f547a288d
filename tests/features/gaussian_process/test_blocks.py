import numpy as np
import pytest

from recsys.features.gaussian_process.blocks import run_in_blocks


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("counts", [[], [0], [3, 0, 0], [0, 0, 5, 1], [100, *[1] * 30, 0], [0] * 9])
def test_each_group_is_done_once(counts: list[int], threads: int) -> None:
    done = np.zeros(len(counts), int)

    def work(first: int, last: int) -> None:
        done[first:last] += 1

    run_in_blocks(work, np.append(0, np.cumsum(counts, dtype=int)), threads)
    assert (done == 1).all()


def test_an_error_in_a_thread_is_raised() -> None:
    def work(first: int, last: int) -> None:
        raise ValueError(f"group {first}")

    with pytest.raises(ValueError, match="group 0"):
        run_in_blocks(work, np.arange(100), 2)
