"""A compact artifact for serving."""

from pathlib import Path

import click

from recsys.common.command import ENCODED, PATH, SPLIT, command


@command
@click.argument("checkpoint", type=PATH)
@click.argument("artifact", type=PATH)
@click.option(
    "--precision",
    type=click.Choice(["int8", "fp16", "fp32"]),
    default="int8",
    show_default=True,
    help="Of the embedding tables.",
)
@ENCODED
@SPLIT
def main(checkpoint: Path, artifact: Path, precision: str, encoded: Path, split: Path) -> None:
    """Turn the model CHECKPOINT into the folder ARTIFACT, which scores without this project.

    It holds model.pt2 (torch.export, with quantised embedding tables), tables.pt (what the model
    is told of users and movies, by their published ids) and serving.py, which loads both.
    """
    # Slow to import: a wrong option is told before.
    import torch

    from recsys.serving.export import export
    from recsys.serving.pairs import PairScorer

    torch.set_num_threads(1)
    export(PairScorer(checkpoint, encoded, split / "train.parquet"), precision, artifact)
    sizes = {path.name: path.stat().st_size for path in sorted(artifact.iterdir())}
    click.echo("  ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items()))


if __name__ == "__main__":
    main()
