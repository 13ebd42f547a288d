"""`recsys export`."""

from pathlib import Path

import click

from recsys.cli.project import FEATURES
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
@FEATURES
def main(checkpoint: Path, artifact: Path, precision: str, features: Path) -> None:
    """Export a model as a folder that scores without this project.

    Reads the model in the folder CHECKPOINT and writes the folder ARTIFACT: a plain description of
    the model (model.json), its weights with quantised embedding tables (model.safetensors), the
    users and movies by their published ids (tables.safetensors), and the code that scores. Only
    that code runs: a data file that was changed is refused.

    \b
    Examples:
      recsys export models/dlrm models/serving
      recsys export models/dlrm models/serving --precision fp16
    """
    check_artifact(artifact, checkpoint)
    # Slower to import: a wrong name is refused before.
    import torch

    from recsys.serving.export import export
    from recsys.serving.pair_scorer import PairScorer

    torch.set_num_threads(1)
    export(PairScorer(checkpoint, features), precision, artifact)
    files = sorted(path for path in artifact.iterdir() if path.is_file())
    sizes = {path.name: path.stat().st_size for path in files}
    click.echo("  ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items()))
