"""Stage train: train a model, and write its checkpoint and training history."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

from pathlib import Path

import click

from recsys.common.atomic import remove
from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.pipeline.stage import resuming, stage
from recsys.training.params import TrainParams


@stage
@click.argument("encoded", type=PATH)
@click.argument("parts", type=PATH)
@click.argument("features", type=PATH)
@click.argument("checkpoint", type=PATH)
@click.argument("history", type=PATH)
@resuming
@click.option("--live", type=PATH, required=True, help="File for the metrics of the last epoch.")
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

    The folder ENCODED holds users, movies and vocabulary, PARTS the parts of the ratings, and
    FEATURES their statistics and histories. The model goes to the folder CHECKPOINT. The losses and
    validation metrics of each epoch go to the CSV file HISTORY.

    A run that was killed resumes from the file STATE, and ends with the same model. During
    training, the JSON file LIVE holds the losses and metrics of the last epoch.

    With train.processes above 1, this command starts that many processes. Under torchrun it is one
    of the processes itself.
    """
    section = params[TrainParams]
    # A killed run may have left it.
    remove(live)
    # These imports are slow. Here they come after the check of the params, which is quick.
    from recsys.training.fit import Inputs, Outputs, fit, fit_quietly
    from recsys.training.launcher import launch
    from recsys.training.process_group import check_device, is_member

    check_device(section.device)
    inputs = Inputs(encoded, parts, features)
    outputs = Outputs(checkpoint, history, state, live)
    arguments = (params, inputs, outputs, save_every)
    try:
        if section.processes == 1 or is_member():
            fit(*arguments)
        else:
            launch(section.processes, section.device, fit_quietly, *arguments)
    finally:
        remove(live)


if __name__ == "__main__":
    main()
