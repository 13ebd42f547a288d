import dataclasses
import importlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from recsys.common.errors import InputError
from recsys.models.plain_tables import PRECISIONS
from recsys.retrieval.model import RetrievalModel
from recsys.retrieval.sequence.encoder import SequenceEncoder
from recsys.serving.artifact.export import MODULES, OUR_IMPORT, export
from recsys.serving.artifact.files import DESCRIPTION, RETRIEVAL, TABLES, WEIGHTS
from recsys.serving.artifact.quantise import quantise
from recsys.serving.artifact.scorer import Rated, Scorer
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.recommend.recommender import Recommender
from recsys.storage.dimensions import RAW_IDS, Dimensions
from recsys.storage.registry import select_features
from recsys.storage.sealed import seal, unseal
from tests.histories import make_histories
from tests.imports import ROOT, direct_imports
from tests.retrieval.sequence.small import PARAMS
from tests.runs import SIDES, UNRATED_MOVIE, Run, find_rows, save_model, save_retrieval_model

FILES = (DESCRIPTION, WEIGHTS, TABLES, RETRIEVAL)
# The errors allowed in probabilities, with embeddings from N(0, 1). They come from rounding to
# floats, to the 11 bits of halves, and to 8 bits over the range of a row.
TOLERANCES = {"fp32": 1e-6, "fp16": 2e-3, "int8": 2e-2}
# Loads the artifact's own copy of the scorer, in a process that cannot import the project.
STANDALONE = """
import json, sys
from pathlib import Path
def refuse(*args, **options):
    raise AssertionError("unpickled")
import pickle, torch
pickle.load = pickle.loads = pickle.Unpickler = torch.load = refuse
from serving import Rated, Scorer
scorer = Scorer()
scores = scorer.score([3, 6, 999], [2, 4, 2])
movies = scorer.recommend(3, Rated([1, 2, 999], [5, 4, 3]), 3).movieids
assert not {"recsys", "torchrec", "pandas", "pyarrow", "pydantic", "scipy"} & sys.modules.keys()
print(json.dumps([scores.likes.tolist(), scores.stars.tolist(), movies]))
"""


NO_DENSE = select_features(("userid", "movieid", "genres"))
# Changes of the default model, and the precision of the export.
MODELS: list[tuple[dict[str, Any], str]] = [
    *(({}, precision) for precision in PRECISIONS),
    ({"thresholds": "label"}, "int8"),
    *(({"kind": kind, "features": SIDES}, "fp32") for kind in ("dcn", "deepfm", "fm", "lr")),
    *(({"kind": kind, "features": NO_DENSE}, "fp32") for kind in ("dlrm", "fm")),
    *(
        ({"features": SIDES, "dimension": dimension}, precision)
        for dimension in (1, 5, 6)
        for precision in PRECISIONS
    ),
]


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(("changes", "precision"), MODELS)
def test_scores_equal_those_of_the_checkpoint(
    run: Run, changes: dict[str, Any], precision: str
) -> None:
    """For all pairs of a user and a movie, also unknown ones."""
    save_model(run, **changes)
    scorer = CheckpointModel(run.checkpoint)
    export(scorer, precision, Path("serving"))
    users, movies = (
        torch.tensor([*scorer.dimensions.ids[table].known, 999]) for table in ("users", "movies")
    )
    ids = users.repeat_interleave(len(movies)), movies.repeat(len(users))
    rows = find_rows(scorer, "users", ids[0]), find_rows(scorer, "movies", ids[1])
    likes, stars = scorer.score(*rows)
    assert likes.std() > 0.005
    served = Scorer(Path("serving"))
    found = served.score(*ids)
    errors = np.abs(found.likes - likes)
    assert errors.max() <= TOLERANCES[precision]
    if precision != "fp32":
        assert errors.max() > 0
    # A single pair has the score that it has among others.
    assert served.score(ids[0][:1], ids[1][:1]).likes == pytest.approx(likes[:1], abs=0.08)
    assert (found.stars is None) == (stars is None) == ("thresholds" in changes)
    if stars is not None:
        # Stars span four times the range of probabilities.
        assert np.abs(found.stars - stars).max() <= 4 * TOLERANCES[precision]


@pytest.mark.parametrize(("thresholds", "exact_movies"), [("all", 10_000), ("label", 3)])
def test_recommendations_equal_those_of_the_project(
    run: Run, thresholds: str, exact_movies: int
) -> None:
    save_model(run, thresholds=thresholds)
    save_retrieval_model(run, exact_movies)
    recommender = Recommender.load(run.checkpoint, None, run.retrieval)
    scorer = recommender.scorer
    export(scorer, "fp32", Path("serving"), recommender.retrieval)
    served = Scorer(Path("serving"))
    history = np.array([1, 4, 7])
    rated = Rated([*scorer.dimensions.ids["movies"].known[history].tolist(), 999], [5, 4, 1, 2])
    users = [(3, 0, rated, history), (None, len(scorer.dimensions.ids["users"]), rated, history)]
    # Nothing is known about the last movie, so the person gets popular ones, as without any.
    (unrated,) = np.flatnonzero(scorer.dimensions.ids["movies"].known == UNRATED_MOVIE)
    for given, rows in ((Rated([], []), []), (Rated([UNRATED_MOVIE], [5]), [unrated])):
        users.append((None, len(scorer.dimensions.ids["users"]), given, rows))
    for userid, row, given, rows in users:
        histories = make_histories([list(rows)], len(scorer.dimensions.ids["movies"]))
        for top in (3, 1000):
            (movies,), (scores,), *answers = recommender.rank(np.array([row]), histories, top)
            found = served.recommend(userid, given, top)
            number = (movies >= 0).sum()
            assert found.movieids == scorer.dimensions.ids["movies"].known[movies[:number]].tolist()
            assert found.scores == pytest.approx(scores[:number].tolist(), abs=1e-5)
            for mine, answer in zip((found.likes, found.stars), answers, strict=True):
                expected = None if answer is None else answer[0, :number].tolist()
                assert mine == pytest.approx(expected, abs=1e-5)


def test_an_artifact_without_retrieval_recommends_nothing(run: Run) -> None:
    export(CheckpointModel(run.checkpoint), "int8", Path("serving"))
    with pytest.raises(ValueError, match="export without --scores-only"):
        Scorer(Path("serving")).recommend(3)


def test_the_artifact_scores_without_the_project(run: Run) -> None:
    recommender = Recommender.load(run.checkpoint, None, run.retrieval)
    export(recommender.scorer, "int8", Path("serving"), recommender.retrieval)
    served = Scorer(Path("serving"))
    expected = served.score([3, 6, 999], [2, 4, 2])
    movies = served.recommend(3, Rated([1, 2, 999], [5, 4, 3]), 3).movieids
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", STANDALONE], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *scores, recommended = json.loads(done.stdout)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    assert recommended == movies


def test_the_artifact_has_all_modules_that_its_modules_import() -> None:
    files = [ROOT / Path(*module.split(".")).with_suffix(".py") for module in MODULES]
    names = set().union(*map(direct_imports, files))
    roots = {name.split(".")[0] for name in names}
    assert roots - sys.stdlib_module_names == {"numpy", "recsys", "safetensors", "torch"}
    # `from a import b` is listed as `a` and as `a.b`.
    ours = {name for name in names if name.startswith("recsys.")}
    assert all({name, name.rpartition(".")[0]} & set(MODULES) for name in ours)
    # The copies stand side by side, and import each other by relative names alone.
    assert len({file.name for file in files}) == len(files)
    assert not any("recsys." in OUR_IMPORT.sub("", code(file)) for file in files)


def code(file: Path) -> str:
    """The lines of a file that import."""
    return "\n".join(line for line in file.read_text().splitlines() if "import " in line)


def test_two_artifacts_in_one_process_run_their_own_code(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is of another version, whose code gives other scores."""
    scorer = CheckpointModel(run.checkpoint)
    for folder in ("first", "second"):
        export(scorer, "fp32", Path(folder))
    module = Path("second/code/pair_model.py")
    text = module.read_text().replace("torch.cat(logits)", "7 + torch.cat(logits)")
    module.write_text(text)
    monkeypatch.syspath_prepend(Path.cwd())
    first, second = (importlib.import_module(name).Scorer() for name in ("first", "second"))
    expected = Scorer(Path("first")).score([3, 6], [2, 4])
    np.testing.assert_array_equal(first.score([3, 6], [2, 4]), expected)
    assert (second.score([3, 6], [2, 4]).likes > 0.9).all()
    assert (expected.likes < 0.9).all()
    for name in ("first", "second"):
        ours = [n for n in sys.modules if n == name or n.startswith(f"{name}.")]
        assert len(ours) > len(MODULES)
        for module_name in ours:
            monkeypatch.delitem(sys.modules, module_name)


def test_exports_are_reproducible_and_smaller_with_less_precision(run: Run) -> None:
    save_model(run, dimension=64)
    scorer = CheckpointModel(run.checkpoint)
    for folder, precision in (("fp32", "fp32"), ("fp16", "fp16"), ("int8", "int8"), ("x", "int8")):
        export(scorer, precision, Path(folder))
    for path in filter(Path.is_file, Path("int8").rglob("*")):
        assert path.read_bytes() == (Path("x") / path.relative_to("int8")).read_bytes()
    sizes = [Path(name, WEIGHTS).stat().st_size for name in ("int8", "fp16", "fp32")]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def with_texts(dimensions: Dimensions) -> Dimensions:
    """The same users and movies, with texts for ids."""
    tables = {}
    for name, column in RAW_IDS.items():
        table = dimensions.tables[name]
        texts = pa.array([f"№ {number}\n" for number in dimensions.raw_ids(name)])
        tables[name] = table.set_column(table.schema.get_field_index(column), column, texts)
    return dataclasses.replace(dimensions, tables=tables)


def test_ids_may_be_texts(run: Run) -> None:
    scorer = CheckpointModel(run.checkpoint)
    export(scorer, "fp32", Path("integers"))
    scorer.dimensions = with_texts(scorer.dimensions)
    export(scorer, "fp32", Path("texts"))
    ids = [3, 6, 999], [2, 4, 2]
    texts = [[f"№ {number}\n" for number in column] for column in ids]
    expected = Scorer(Path("integers")).score(*ids)
    np.testing.assert_array_equal(Scorer(Path("texts")).score(*texts), expected)


@pytest.mark.parametrize("std", [1e-8, 1e-3, 1, 1e4])
def test_int8_rows_are_those_of_fbgemm(std: float) -> None:
    table = torch.randn(500, 32, generator=torch.Generator().manual_seed(1)) * std
    table[0], table[1] = 0, std
    fused = torch.ops.fbgemm.FloatOrHalfToFusedNBitRowwiseQuantizedSBHalf(table, 8)
    codes, ranges = quantise(table)
    assert torch.equal(codes, fused[:, :-4])
    assert torch.equal(ranges, fused[:, -4:].contiguous().view(torch.float16))


@pytest.mark.parametrize(("number", "precision"), [(1e9, "int8"), (1e6, "fp16"), (np.nan, "fp32")])
def test_a_number_that_does_not_fit_is_refused(run: Run, number: float, precision: str) -> None:
    scorer = CheckpointModel(run.checkpoint)
    scorer.tables.embedding_bags["userid"].weight[0, 0] = number
    message = r"^the exported weights tables\.embedding_bags\.userid\..*--precision"
    with pytest.raises(InputError, match=message):
        export(scorer, precision, Path("serving"))
    assert not Path("serving").exists()
    if np.isfinite(number):
        export(scorer, "fp32", Path("serving"))


@pytest.fixture
def serving(run: Run) -> Path:
    """An artifact with features of all kinds."""
    save_model(run, features=SIDES)
    recommender = Recommender.load(run.checkpoint, None, run.retrieval)
    export(recommender.scorer, "int8", Path("serving"), recommender.retrieval)
    return Path("serving")


def assert_refused(file: Path) -> None:
    with pytest.raises(ValueError, match=r"\A[^\n\x1b]+; run `recsys export` again\Z") as error:
        Scorer(file.parent)
    assert str(error.value).startswith(f"{file}: ")


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_refused(serving: Path, name: str) -> None:
    file = serving / name
    content = file.read_bytes()
    random = np.random.default_rng(1)
    # All bytes of the first lines and headers, and some of the rest.
    places = [*range(300), *random.integers(300, len(content), 300)]
    for place, flips in zip(places, random.integers(1, 256, len(places)), strict=True):
        changed = bytearray(content)
        changed[place] ^= int(flips)
        file.write_bytes(changed)
        assert_refused(file)
    for length in (0, 1, 100, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        assert_refused(file)
    file.write_bytes(content + b"\n")
    assert_refused(file)
    file.write_bytes(content)
    assert len(Scorer(serving).score([3], [2]).likes) == 1


class Bomb:
    """Pickled, this makes a file when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_or_a_missing_file_is_refused(serving: Path, name: str) -> None:
    file = serving / name
    file.write_bytes(pickle.dumps(Bomb()))
    assert_refused(file)
    torch.save({"weights": Bomb()}, file)
    assert_refused(file)
    file.unlink()
    assert_refused(file)
    file.mkdir()
    assert_refused(file)
    assert not Path("exploded").exists()


@pytest.mark.parametrize("names", [(WEIGHTS,), (TABLES,), (DESCRIPTION,), (WEIGHTS, TABLES)])
def test_files_of_another_artifact_are_refused(run: Run, serving: Path, names: list[str]) -> None:
    scorer = CheckpointModel(run.checkpoint)
    scorer.network.over_arch[0].weight.data += 1
    scorer.dimensions = with_texts(scorer.dimensions)
    export(scorer, "int8", Path("other"))
    for name in names:
        shutil.copyfile(Path("other") / name, serving / name)
    # Another description is whole, and the first file that is not its own is the weights.
    assert_refused(serving / (WEIGHTS if names == (DESCRIPTION,) else names[0]))


def test_an_artifact_of_another_format_is_refused(serving: Path) -> None:
    """Its digest is right."""
    content = json.loads(unseal((serving / DESCRIPTION).read_text()))
    for other in (content | {"format": 4}, {}):
        (serving / DESCRIPTION).write_text(seal(json.dumps(other, indent=2)))
        assert_refused(serving / DESCRIPTION)


def test_a_model_with_a_sequence_encoder_is_refused(run: Run) -> None:
    retrieval = RetrievalModel.load(run.retrieval, run.encoded, run.dimensions().lineage)
    retrieval.encoder = SequenceEncoder(retrieval.trend.size, PARAMS)
    with pytest.raises(InputError, match="which no artifact holds; export with --scores-only"):
        export(CheckpointModel(run.checkpoint), "int8", Path("serving"), retrieval)
    assert not Path("serving").exists()
