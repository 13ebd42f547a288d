"""Compares dvc.yaml with the code, and runs DVC on a small archive."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from dvc.utils.serialize import modify_yaml
from ruamel.yaml import YAML

from recsys.pipeline import params
from recsys.sources.checksums import compute_checksum
from recsys.sources.releases import RELEASES
from recsys.training.resume import ROOMS
from stages import retrieve
from tests.imports import ROOT, closure, direct_imports
from tests.params import QUICK
from tests.repository import Repository, copy_checkout
from tests.toy import make_toy, write_csv, zip_release

STAGES: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
PARAMS = QUICK | {"fetch.dataset": "ml-latest-small", "train.epochs": 3}
SLOW = 0.0003


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_the_rooms_that_it_imports(name: str) -> None:
    declared = {dep for dep in STAGES[name]["deps"] if dep.startswith(("recsys", "stages"))}
    assert declared == rooms_of(name) | {f"stages/{name}.py"}


def rooms_of(stage: str) -> set[str]:
    """The rooms that a stage's script imports, directly or indirectly.

    Imports of recsys/pipeline are not followed, because that room can only refuse params.yaml.
    """
    files = closure(ROOT / "stages" / f"{stage}.py", without=ROOT / "recsys/pipeline")
    parts = [file.relative_to(ROOT).parts for file in files]
    return {f"recsys/{room}" for package, room, *_ in parts if package == "recsys"} - {
        "recsys/__init__.py"
    }


def test_a_resume_file_depends_on_the_code_that_training_depends_on() -> None:
    for stage, rooms in (("train", ROOMS), ("retrieve", retrieve.ROOMS)):
        assert {f"recsys/{room}" for room in rooms} == rooms_of(stage)


def test_packages_hold_no_code() -> None:
    """No stage declares recsys/__init__.py or stages/__init__.py as a dependency."""
    package = ROOT / "recsys/__init__.py"
    assert all(isinstance(node, ast.Expr) for node in ast.parse(package.read_text()).body)
    # The package `stages` only ends a stage, by Ctrl-C or with DVC. No output depends on it.
    names = direct_imports(ROOT / "stages/__init__.py") - {"sys"}
    assert all(name.startswith("recsys.common.") for name in names)
    files = {path.name for path in (ROOT / "recsys").glob("*.py")}
    assert files <= {"__init__.py", "__main__.py"}
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert scripts == set(STAGES)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_the_params_that_it_reads(name: str) -> None:
    """A section is read as `params[TrainParams]`, in the script or in the rooms that it imports."""
    read = set()
    for file in closure(ROOT / "stages" / f"{name}.py", without=ROOT / "recsys/pipeline"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "params":
                read.add(getattr(params, ast.unparse(node.slice)).name)
    assert set(STAGES[name]["params"]) == read


@pytest.mark.parametrize("name", STAGES)
def test_the_command_of_a_stage_names_its_data(name: str) -> None:
    stage = STAGES[name]
    # The files after --state are no outputs, because they exist only while train runs.
    command = stage["cmd"].partition(" --state ")[0]
    paths = {word for word in command.split()[6:] if "/" in word}
    outs = set(_outputs(stage))
    # Of the folder of the plots, dvc.yaml lists the files.
    outs = {"metrics/plots" if out.startswith("metrics/plots/") else out for out in outs}
    assert stage["cmd"].startswith(f"exec python -m stages.{name} --params params.yaml ")
    data = {dep for dep in stage["deps"] if not dep.startswith(("recsys", "stages"))}
    # The command may name a folder of which dvc.yaml lists only the files that are read.
    folders = {path for path in paths for dep in data if dep == path or dep.startswith(f"{path}/")}
    assert folders | outs == paths
    assert all(any(dep == p or dep.startswith(f"{p}/") for p in paths) for dep in data)
    assert stage["desc"]


def test_training_does_not_read_the_test_part() -> None:
    assert not {"data/split", "data/split/test.parquet"} & set(STAGES["train"]["deps"])


def test_only_metrics_and_plots_are_kept_in_git() -> None:
    """Another output in Git would switch off the run cache of its stage."""
    for name, stage in STAGES.items():
        for path, options in _outputs(stage).items():
            in_git = options.get("cache") is False
            assert in_git == path.startswith("metrics/")
            assert not in_git or name in ("evaluate", "rank")
        assert not any(path.startswith("metrics/") for path in _paths(stage.get("outs", [])))


def test_dvc_writes_the_file_as_it_is(tmp_path: Path) -> None:
    """`dvc freeze` and `dvc unfreeze` write all of dvc.yaml, and sort a stage's params."""
    file = Path(shutil.copy(ROOT / "dvc.yaml", tmp_path))
    with modify_yaml(file):
        pass
    assert file.read_text() == (ROOT / "dvc.yaml").read_text()
    assert all(stage["params"] == sorted(stage["params"]) for stage in STAGES.values())


def _outputs(stage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The path of each output of a stage, with its options."""
    return {
        path: options
        for kind in ("outs", "metrics", "plots")
        for path, options in _paths(stage.get(kind, [])).items()
    }


def _paths(outs: list[str | dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        path: options
        for out in outs
        for path, options in (out.items() if isinstance(out, dict) else [(out, {})])
    }


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archives")
    zip_release("ml-latest-small", write_csv(make_toy(), folder / "csv"), folder / "mirror")
    return folder / "mirror"


def pin_archive(project: Path, archive: Path) -> None:
    """Pin a toy archive in a copy of the project, instead of the published one."""
    (published,) = RELEASES[archive.stem].checksums.values()
    file = project / "recsys/sources/releases.py"
    text = file.read_text()
    assert text.count(published) == 1
    file.write_text(text.replace(published, compute_checksum(archive)))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Repository:
    """A copy of this project in which the pipeline was run and the results were committed."""
    folder = tmp_path_factory.mktemp("work") / "project"
    copy_checkout(folder)
    pin_archive(folder, mirror / "ml-latest-small.zip")
    project = Repository(folder, MOVIELENS_MIRROR=str(mirror))
    project.init()
    project.set_params(**PARAMS)
    project.dvc("repro")
    project.commit()
    return project


def test_a_second_repro_does_nothing(project: Repository) -> None:
    output = project.dvc("repro")
    assert output.count("didn't change, skipping") == 8
    assert output.count("Running stage") == output.count("Running stage 'source'") == 1
    assert project.run("git", "status", "--porcelain") == ""


def test_the_card_describes_what_dvc_made(project: Repository) -> None:
    """The card is refused unless our hashes of files and folders equal DVC's."""
    project.run(sys.executable, "-m", "recsys", "card")
    # Tables are padded with spaces.
    card = re.sub(" +", " ", (project.folder / "models/card.md").read_text())
    metrics = json.loads((project.folder / "metrics/test.json").read_text())
    commit = project.run("git", "rev-parse", "HEAD").strip()
    for text in (f"| auc | {metrics['auc']:.5f} |", f"commit `{commit}`. ", "Split: random"):
        assert text in card
    assert "| men |" not in card


# The stages that an edit in each room reruns, with the stages that depend on them.
RERUN = {
    "common": list(STAGES),
    "sources": list(STAGES),
    "storage": ["encode", "split", "features", "train", "evaluate", "retrieve", "rank"],
    "data": ["encode", "split", "features", "train", "evaluate", "retrieve", "rank"],
    "engine": ["encode", "split", "features", "train", "evaluate", "retrieve", "rank"],
    "features": ["features", "train", "evaluate", "rank"],
    "dataloader": ["train", "evaluate", "rank"],
    "models": ["train", "evaluate", "rank"],
    "retrieval": ["retrieve", "rank"],
    "scoring": ["train", "evaluate", "rank"],
    "training": ["train", "evaluate", "rank"],
    "evaluation": ["evaluate", "rank"],
    "serving": ["rank"],
    "reporting": [],
    "pipeline": [],
    "cli": [],
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_edit_reruns_what_it_can_change_and_nothing_else(project: Repository) -> None:
    """According to `dvc status`, in a copy of the project in which all stages were run."""
    rooms = project.folder / "recsys"
    assert {path.name for path in rooms.iterdir() if path.is_dir()} - {"__pycache__"} == set(RERUN)
    assert reruns(project) == []
    for room, stages in RERUN.items():
        file = sorted((rooms / room).glob("*.py"))[-1]
        text = file.read_text()
        file.write_text(text + "# an edit\n")
        found = reruns(project)
        file.write_text(text)
        assert found == stages, file
    leftovers = (
        "__pycache__/x.pyc",
        ".loop.py.swp",
        "loop.py~",
        ".ipynb_checkpoints/x.py",
        "x.ipynb",
    )
    for name in leftovers:
        path = rooms / "training" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("left behind by Python or an editor")
    assert reruns(project) == []
    for name in leftovers:
        (rooms / "training" / name).unlink()
    params = (project.folder / "params.yaml").read_text()
    project.set_params(**{"train.epochs": 1, "train.a_new_one": 3})
    assert reruns(project) == ["train", "evaluate", "rank"]
    (project.folder / "params.yaml").write_text(params)


def reruns(project: Repository) -> list[str]:
    """The stages that `dvc status` names, and the stages that read their outputs."""
    with Repo(project.folder) as repo:
        # When DVC runs in another folder, it names a stage as PATH/dvc.yaml:STAGE.
        status = {name.split(":")[-1]: why for name, why in repo.status().items()}
    # DVC runs the stage source each time, to see whether own files have changed.
    changed = {name for name, why in status.items() if why != ["always changed"]}
    for name, stage in STAGES.items():
        outs = [out for other in changed for out in _paths(STAGES[other].get("outs", []))]
        if any(dep.startswith(out) for dep in stage["deps"] for out in outs):
            changed.add(name)
    return [name for name in STAGES if name in changed]


def test_fetch_reruns_when_a_file_of_own_changes(project: Repository, tmp_path: Path) -> None:
    clone = Repository(tmp_path / "clone")
    project.run("git", "clone", "--quiet", str(project.folder), str(clone.folder))
    features = {"features.sparse": ["userid", "movieid"], "features.dense": ["bias"]}
    clone.set_params(**{"fetch.dataset": "own", "own.interactions": "own.csv", **features})
    for content in ("user_id,item_id\n1,2\n", "user_id,item_id\n1,3\n"):
        (clone.folder / "own.csv").write_text(content)
        assert "Running stage 'fetch'" in clone.dvc("repro", "fetch")
        assert (clone.folder / "data/raw/interactions/own.csv").read_text() == content
    assert "Running stage 'fetch'" not in clone.dvc("repro", "fetch")


@pytest.fixture(scope="module")
def experiment(project: Repository) -> str:
    """What DVC prints of the experiment `slow`, with another learning rate."""
    change = f"train.learning_rate={SLOW}"
    return project.dvc("exp", "run", "--temp", "--name", "slow", "-S", change, "evaluate")


def test_a_train_param_trains_again_and_a_value_that_was_tried_comes_from_the_cache(
    project: Repository, experiment: str
) -> None:
    assert experiment.count("didn't change, skipping") == 4
    assert "Running stage 'train'" in experiment
    assert "Running stage 'evaluate'" in experiment
    before = project.lock
    for value, same in ((SLOW, False), (PARAMS["train.learning_rate"], True)):
        project.set_params(**{"train.learning_rate": value})
        output = project.dvc("repro", "evaluate")
        # Evaluate too, whose metrics and plots are in Git.
        for stage in ("train", "evaluate"):
            assert f"Stage '{stage}' is cached - skipping run" in output
        assert (project.lock == before) == same
    assert project.run("git", "status", "--porcelain") == ""


def test_an_experiment_leaves_the_checkout_unchanged_and_can_be_compared(
    project: Repository, experiment: str
) -> None:
    assert project.run("git", "status", "--porcelain") == ""
    metrics = json.loads(project.dvc("metrics", "diff", "--json", "HEAD", "slow"))
    metrics = metrics["metrics/test.json"]
    assert metrics["auc"]["old"] != metrics["auc"]["new"]
    project.dvc("plots", "diff", "HEAD", "slow")
    page = (project.folder / "dvc_plots" / "index.html").read_text()
    titles = ("Learning", "ROC", "Precision and recall", "Reliability", "Confusion", "Slices")
    assert all(f'"text": "{title}' in page for title in titles)
    assert '"rev": "slow"' in page


def test_a_killed_run_resumes_and_gives_the_result_of_a_clean_run(
    project: Repository, mirror: Path, tmp_path: Path
) -> None:
    """The clone has no cache, so this also shows that two clean runs train to the same bytes."""
    clone = Repository(tmp_path / "clone", MOVIELENS_MIRROR=str(mirror))
    project.run("git", "clone", "--quiet", str(project.folder), str(clone.folder))
    expected = YAML(typ="safe").load(clone.lock)["stages"]
    (clone.folder / "dvc.lock").unlink()
    running = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "train"],
        cwd=clone.folder,
        env=clone.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    with running:
        assert any(line.startswith("epoch 1") for line in running.stdout)
        os.killpg(running.pid, signal.SIGKILL)
    clone.dvc("repro", "train")
    made = YAML(typ="safe").load(clone.lock)["stages"]
    assert list(made)[-1] == "train"
    assert made == {name: expected[name] for name in made}
