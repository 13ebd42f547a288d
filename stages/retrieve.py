"""Stage retrieve: learn which movies people interact with, from their other movies."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recsys.common.atomic import remove
from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.pipeline.stage import resuming, stage
from recsys.retrieval.params import RetrievalParams, SequenceParams

if TYPE_CHECKING:
    from recsys.retrieval.histories import UserHistories
    from recsys.retrieval.sequence.encoder import SequenceEncoder

# The rooms that this stage depends on, as in dvc.yaml; a test compares them with the imports.
ROOMS = ("common", "retrieval", "storage")


@stage
@click.argument("encoded", type=PATH)
@click.argument("train", type=PATH)
@click.argument("validation", type=PATH)
@click.argument("retrieval", type=PATH)
@resuming
def main(
    params: Params,
    encoded: Path,
    train: Path,
    validation: Path,
    retrieval: Path,
    state: Path,
    save_every: int,
) -> None:
    """Fit the retrieval model to the ratings in the folder TRAIN of the movies in ENCODED.

    With retrieval.refit, it learns from the ratings in VALIDATION, too. If there are more than
    retrieval.people users, a sample of them is drawn. The weights go to the
    folder RETRIEVAL. With retrieval.model=sequence, a sequence encoder is trained, too. A training
    that was killed resumes from the file STATE, and ends with the same model.
    """
    # These imports are slow. Here they come after the check of the params, which is quick.
    import numpy as np
    from threadpoolctl import threadpool_limits

    from recsys.common.pair_hash import draw_rows
    from recsys.retrieval.fit import fit_retrieval_model
    from recsys.retrieval.histories import UserHistories, count_interactions
    from recsys.storage.lineage import read_lineage
    from recsys.storage.parquet import count_rows
    from recsys.storage.vocabulary import Vocabulary

    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    users, movies = (
        count_rows(encoded / f"{name}.parquet", vocabulary.schema(name))
        for name in ("users", "movies")
    )
    section, encoder = params[RetrievalParams], None
    parts = [train, validation] if section.refit else [train]
    is_drawn = np.zeros(users, bool)
    is_drawn[draw_rows(np.arange(users), section.people, "retrieval")] = True
    histories = UserHistories.read(parts, is_drawn, movies, vocabulary.implicit)
    counts = count_interactions(parts, movies, vocabulary.implicit)
    if section.model == "sequence":
        resume = state, save_every
        encoder = train_encoder(histories, params[SequenceParams], encoded, parts, resume)
    # More threads would change the last digits.
    with threadpool_limits(1):
        lineage = read_lineage(train, "split")
        fitted = fit_retrieval_model(histories, counts, section, lineage, encoder)
    fitted.save(retrieval)
    # Until the model is written, a killed run resumes from the state.
    remove(state)
    of = f" of {users:,}" if len(histories) < users else ""
    click.echo(
        f"retrieval: weights of {len(fitted.movies):,} movies from {len(histories.movie):,} ratings"
        f" by {len(histories):,}{of} users"
    )


def train_encoder(
    histories: "UserHistories",
    params: SequenceParams,
    encoded: Path,
    parts: list[Path],
    resume: tuple[Path, int],
) -> "SequenceEncoder":
    """Train the sequence encoder, resuming from the saved state if this run saved it.

    Args:
        encoded: the folder of the movies.
        parts: the files of the histories.
        resume: the file of the state, and the number of steps between two saves.
    """
    # Slow to import, and not needed for every model.
    import torch

    from recsys.common.memory import keep_freed_memory
    from recsys.retrieval.sequence.content import read_content
    from recsys.retrieval.sequence.training import fit_encoder
    from recsys.storage.parquet import list_files, read_parquet
    from recsys.storage.resume import ResumeFile
    from recsys.storage.vocabulary import Vocabulary

    torch.set_num_threads(params.threads)
    torch.use_deterministic_algorithms(True)
    keep_freed_memory()
    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    movies = encoded / "movies.parquet"
    content = read_content(read_parquet(movies, vocabulary.schema("movies")), vocabulary)
    state, save_every = resume
    data = [file for part in parts for file in list_files(part)]
    file = ResumeFile(state, [params], [*data, movies], ROOMS)
    return fit_encoder(histories, params, file, save_every, content)


if __name__ == "__main__":
    main()
