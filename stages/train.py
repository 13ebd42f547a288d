"""Stage train: a checkpoint and its history."""

from pathlib import Path

import click

from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.pipeline.stage import stage
from recsys.training.params import TrainParams


@stage
@click.argument("encoded", type=PATH)
@click.argument("parts", type=PATH)
@click.argument("features", type=PATH)
@click.argument("checkpoint", type=PATH)
@click.argument("history", type=PATH)
@click.option("--state", type=PATH, required=True, help="Where an unfinished training is.")
@click.option("--live", type=PATH, required=True, help="Has its last epoch meanwhile.")
@click.option(
    "--save-every",
    type=click.IntRange(min=0),
    envvar="RECSYS_SAVE_EVERY",
    default=500,
    show_default=True,
    show_envvar=True,
    help="Steps after which the state is saved; 0 for never. No effect on the result.",
)
def main(
    params: Params,
    encoded: Path,
    parts: Path,
    features: Path,
    checkpoint: Path,
    history: Path,
    state: Path,
    live: Path,
    save_every: int,
) -> None:
    """Train on the training part, and keep the epoch that is best on the validation part.

    Users, movies and vocabulary are in the folder ENCODED, the parts of the ratings in PARTS, their
    statistics and histories in FEATURES. The model goes to the folder CHECKPOINT, the losses and
    validation metrics of each epoch to the CSV file HISTORY. Killed and started again, training
    goes on from the file STATE and ends with the same model. While it trains, the JSON file LIVE
    has the record of the last epoch.

    With train.processes above 1, it starts that many of itself; started by torchrun, it is one.
    """
    section = params[TrainParams]
    # Slow to import: wrong params are refused before.
    from recsys.training.fit import Inputs, Outputs, fit, fit_quietly
    from recsys.training.launcher import launch
    from recsys.training.process_group import check_device, is_member

    check_device(section.device)
    inputs = Inputs(encoded, parts, features)
    outputs = Outputs(checkpoint, history, state, live)
    if section.processes == 1 or is_member():
        fit(params, inputs, outputs, save_every)
    else:
        arguments = (params, inputs, outputs, save_every)
        launch(section.processes, section.device, fit_quietly, *arguments)


if __name__ == "__main__":
    main()
