"""Files of the processes of all targets and folds, which predict the rows of every partition.

A process of a large catalogue takes hundreds of megabytes. So whoever predicts loads one at a time.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.features.gaussian_process.posterior import GaussianProcess


@dataclass(frozen=True)
class ProcessFiles:
    """Temporary files of processes.

    Attributes:
        folder: of the files; all machines must see it.
        only_fold: of the sample that the processes were learnt from.
    """

    folder: Path
    only_fold: int | None = None

    def save(self, processes: Iterable[tuple[str, int, GaussianProcess]]) -> None:
        """Save what `learn_processes` yields."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for target, fold, process in processes:
            np.savez(self._path(target, fold), **asdict(process))

    def load(self, target: str, fold: int) -> GaussianProcess:
        """The process of a target and a fold."""
        with np.load(self._path(target, fold)) as arrays:
            fields: dict[str, Any] = {name: arrays[name] for name in arrays.files}
        # The noise and the like are arrays without a dimension here.
        fields = {name: value if value.ndim else float(value) for name, value in fields.items()}
        moods = tuple((fraction, days) for fraction, days in fields.pop("moods").tolist())
        return GaussianProcess(moods=moods, **fields)

    def _path(self, target: str, fold: int) -> Path:
        return self.folder / f"{target}-{fold}.npz"
