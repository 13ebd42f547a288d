"""Stage rank: recommend to the people of the test part, and evaluate the lists."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

import json
from pathlib import Path

import click

from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.evaluation.params import RankingParams
from recsys.pipeline.stage import stage


@stage
@click.argument("encoded", type=PATH)
@click.argument("test", type=PATH)
@click.argument("features", type=PATH)
@click.argument("checkpoint", type=PATH)
@click.argument("retrieval", type=PATH)
@click.argument("recommendations", type=PATH)
@click.argument("metrics", type=PATH)
def main(
    params: Params,
    encoded: Path,
    test: Path,
    features: Path,
    checkpoint: Path,
    retrieval: Path,
    recommendations: Path,
    metrics: Path,
) -> None:
    """Recommend movies to people of the test part, and evaluate the lists.

    The lists go to the Parquet file RECOMMENDATIONS, each with its own metrics, and the metrics of
    all to the JSON file METRICS.

    The folder ENCODED has the ratings, and the file TEST the test part. If more than ranking.people
    people have a relevant movie there, a sample of them is drawn. A person's history is what they
    rated before the test part. The DLRM in CHECKPOINT, with its FEATURES, and the model in
    RETRIEVAL rank all movies that are not in the history. Lists of the most popular movies are
    evaluated too.
    """
    # These imports are slow. Here they come after the check of the params, which is quick.
    import torch

    from recsys.common.atomic import atomic_write
    from recsys.common.pair_hash import draw_rows
    from recsys.evaluation.ranking import ranking_metrics, tabulate_recommendations
    from recsys.retrieval.people import list_users, read_people
    from recsys.serving.recommend.recommender import Recommender
    from recsys.storage import schemas
    from recsys.storage.parquet import write_parquet

    torch.set_num_threads(1)
    section = params[RankingParams]
    recommender = Recommender.load(checkpoint, features, retrieval)
    dimensions = recommender.dimensions
    source = encoded / "ratings", test, dimensions, section.relevant
    listed = list_users(*source)
    users = draw_rows(listed, section.people, f"{section.seed} ranking")
    result: dict[str, object] = {
        "people": len(users),
        "eligible_people": len(listed),
        "top": section.top,
    }
    table = schemas.RECOMMENDATIONS.empty_table()
    if len(users):
        people = read_people(*source, users)
        lists = recommender.rank(users, people.histories, section.top, people.seconds)
        counts = dimensions.training_ratings["movies"]
        result |= ranking_metrics(
            lists.movies, people.histories.matrix(), people.relevant, counts, section, people.gaps
        )
        table = tabulate_recommendations(users, lists.movies, lists.scores, people.relevant)
    # Two files can only be compared if these are equal.
    meaning = {"top": str(section.top), "relevant": section.relevant}
    metadata = dimensions.lineage.to_metadata() | meaning
    write_parquet(table, recommendations, schemas.RECOMMENDATIONS, metadata)
    with atomic_write(metrics) as partial:
        partial.write_text(json.dumps(result, indent=2) + "\n")
    for name, value in result.items():
        click.echo(f"{name:20} {value}")


if __name__ == "__main__":
    main()
