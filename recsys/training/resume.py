"""The files that several training processes resume from."""

import logging
from typing import Any

from recsys.storage.resume import DamagedStateError, ResumeFile
from recsys.training.process_group import ProcessGroup

log = logging.getLogger(__name__)

# The rooms that training depends on, as in dvc.yaml; a test compares them with the imports.
ROOMS = ("common", "storage", "dataloader", "models", "scoring", "training")


class DistributedResume:
    """The saved states of several processes, in two files for each process.

    All processes save after the same steps. No process can finish a step before all others have
    begun it. So while one process writes the state of a step, every other process has at least the
    state before it. Each process keeps its last two states and writes them to its two files in
    turn. Whenever the processes are killed, there is a step whose state all of them have.

    Args:
        file: gives the files their name and identifies the run.
        group: the processes that train.
    """

    def __init__(self, file: ResumeFile, group: ProcessGroup) -> None:
        self.group = group
        self.files = [file.with_suffix(f"{group.rank}-of-{group.size}.{turn}") for turn in (0, 1)]
        self.newest = 1

    def save(self, state: dict[str, Any]) -> None:
        """Write a state over the older one, as `ResumeFile.save` does."""
        older = 1 - self.newest
        self.files[older].save(state)
        self.newest = older

    def load(self) -> dict[str, Any] | None:
        """This process's state of the newest step that all processes have; None without one.

        All processes must call this.
        """
        states: list[dict[str, Any] | None] = [None, None]
        damaged = []
        for turn, file in enumerate(self.files):
            try:
                states[turn] = file.read()
            except DamagedStateError:
                damaged.append(str(file.path))
        files = {(s["epoch"], s["step"]): turn for turn, s in enumerate(states) if s}
        steps = self.group.intersection(set(files))
        if damaged:
            consequence = "resumes from another one" if steps else "starts anew"
            names = " and ".join(damaged)
            log.warning("the saved state %s is damaged; training %s", names, consequence)
        if not steps:
            return None
        # The next save must not replace the state that the processes resume from.
        self.newest = files[max(steps)]
        return states[self.newest]

    def remove(self) -> None:
        for file in self.files:
            file.remove()
