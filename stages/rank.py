"""Stage rank: recommend to the people of the test part, and judge the lists."""

import recsys.common.guarded  # noqa: F401  # isort: skip

import json
from pathlib import Path

import click

from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.evaluation.params import RankingParams
from recsys.pipeline.stage import stage


@stage
@click.argument("encoded", type=PATH)
@click.argument("parts", type=PATH)
@click.argument("features", type=PATH)
@click.argument("checkpoint", type=PATH)
@click.argument("exposure", type=PATH)
@click.argument("metrics", type=PATH)
def main(
    params: Params,
    encoded: Path,
    parts: Path,
    features: Path,
    checkpoint: Path,
    exposure: Path,
    metrics: Path,
) -> None:
    """Recommend movies to everybody in the test part, and write how good the lists are to METRICS.

    The folder ENCODED has the ratings, and PARTS the test part. The DLRM in CHECKPOINT, with its
    FEATURES, and the model in EXPOSURE rank the whole catalogue without what somebody rated before
    the test part, which is their history. Lists of the most popular movies are judged beside.
    """
    # These imports are slow. Here they come after the check of the params, which is quick.
    import torch

    from recsys.common.atomic import atomic_write
    from recsys.evaluation.ranking import judge_ranking
    from recsys.retrieval.exposure import Exposure
    from recsys.retrieval.people import read_people
    from recsys.serving.pair_scorer import PairScorer
    from recsys.serving.recommender import Recommender

    torch.set_num_threads(1)
    section = params[RankingParams]
    scorer = PairScorer(checkpoint, features)
    dimensions = scorer.dimensions
    exposed = Exposure.load(exposure, dimensions.folder, dimensions.origin)
    people = read_people(encoded / "ratings.parquet", parts, dimensions, section.relevant)
    result: dict[str, object] = {"people": len(people.users), "top": section.top}
    if len(people.users):
        recommender = Recommender(scorer, exposed)
        lists = recommender.rank(people.users, people.histories, section.top, people.seconds)
        counts = dimensions.training_ratings["movies"]
        result |= judge_ranking(
            lists.movies, people.histories, people.relevant, counts, section, people.gaps
        )
    with atomic_write(metrics) as partial:
        partial.write_text(json.dumps(result, indent=2) + "\n")
    for name, value in result.items():
        click.echo(f"{name:20} {value}")


if __name__ == "__main__":
    main()
