"""`recsys export`."""

from pathlib import Path

import click

from recsys.cli.project import FEATURES, RETRIEVAL
from recsys.cli.targets import check_artifact
from recsys.common.command import PATH, command


@command
@click.argument("checkpoint", type=PATH)
@click.argument("artifact", type=PATH)
@click.option(
    "--precision",
    type=click.Choice(["int8", "fp16", "fp32"]),
    default="int8",
    show_default=True,
    help="The number format of the embedding tables.",
)
@click.option(
    "--scores-only", is_flag=True, help="Leave the retrieval model out: pairs only, less to store."
)
@FEATURES
@RETRIEVAL
def main(
    checkpoint: Path,
    artifact: Path,
    precision: str,
    scores_only: bool,
    features: Path,
    retrieval: Path,
) -> None:
    """Export a model as a folder that needs nothing of this project.

    Reads the model in the folder CHECKPOINT and writes the folder ARTIFACT: a plain description of
    the model (model.json), its weights with quantised embedding tables (model.safetensors), the
    users and movies by their published ids (tables.safetensors), the retrieval model
    (retrieval.safetensors), and the code that scores. Only that code runs: a data file that was
    changed is refused.

    \b
    Examples:
      recsys export models/dlrm models/serving
      recsys export models/dlrm models/serving --precision fp16
    """
    check_artifact(artifact, checkpoint)
    # Slower to import: a wrong name is refused before.
    import torch

    from recsys.serving.artifact.export import export
    from recsys.serving.checkpoint_model import CheckpointModel
    from recsys.serving.recommend.recommender import Recommender

    torch.set_num_threads(1)
    if scores_only:
        export(CheckpointModel(checkpoint, features), precision, artifact)
    else:
        recommender = Recommender.load(checkpoint, features, retrieval)
        export(recommender.scorer, precision, artifact, recommender.retrieval)
    files = [*artifact.glob("*.json"), *sorted(artifact.glob("*.safetensors"))]
    sizes = (f"{path.name} {path.stat().st_size / 1e6:.2f} MB" for path in files)
    click.echo("  ".join(sizes))
