import re
import shutil
from pathlib import Path
from typing import get_args

import pytest

from recsys.common.errors import InputError
from recsys.common.params import Section
from recsys.pipeline.params import SECTIONS, load_params
from recsys.sources.params import FetchParams
from recsys.sources.releases import RELEASES
from recsys.training.params import TrainParams
from tests.conftest import PARAMS
from tests.errors import refused
from tests.params import set_params


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A copy of the project's params, to change."""
    return Path(shutil.copy(PARAMS, tmp_path))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_params_of_the_project_are_valid_and_frozen(section: type[Section]) -> None:
    params = load_params(PARAMS)[section]
    with pytest.raises(ValueError, match="frozen"):
        setattr(params, next(iter(section.model_fields)), None)


def test_every_key_has_a_comment_above_it() -> None:
    text = PARAMS.read_text()
    keys = [key for section in SECTIONS for key in section.model_fields]
    for key in set(keys):
        comment = rf"^  # .*\n  {key}:|^  # {key}: .*"
        assert len(re.findall(comment, text, re.MULTILINE)) >= keys.count(key), key


def test_every_release_can_be_chosen() -> None:
    assert set(get_args(FetchParams.model_fields["dataset"].annotation)) == set(RELEASES) | {"own"}


def test_a_file_as_an_editor_of_windows_saves_it_is_read(path: Path) -> None:
    """With a byte order mark and CRLF. PyYAML would read `3e-4` as a string."""
    text = re.sub("learning_rate: .*", "learning_rate: 3e-4", PARAMS.read_text())
    path.write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    assert load_params(path)[TrainParams].learning_rate == 0.0003


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("split.test", 1.2, "split.test = 1.2: must be a number above 0 and below 1"),
        ("split.train", 0.7, "split: train + validation + test is 0.9; it must be 1"),
        ("split.method", "time", "split.method = 'time': must be one of random, chronological"),
        ("train.batch_size", 0, "train.batch_size = 0: must be an integer from 1 to 1e9"),
        ("train.batch_size", "64", "train.batch_size = '64': must be an integer"),
        ("train.batch_size", 1.5, "train.batch_size = 1.5: must be an integer"),
        ("train.batch_size", 10**20, "train.batch_size = 100000000000000000000: must be an integ"),
        ("train.epochs", True, "train.epochs = True: must be an integer from 1"),
        ("train.threads", 10**10, "train.threads = 10000000000: must be an integer from 1 to 1024"),
        ("train.learning_rate", float("nan"), "train.learning_rate = nan: must be a number above"),
        ("train.learning_rat", 1.0, "train.learning_rat = 1.0: no such key; allowed: thresholds"),
        ("fetch.dataset", "ml-2m", "fetch.dataset = 'ml-2m': must be one of ml-100k, ml-1m, ml-l"),
        ("features.sparse", ["userid", "colour"], "features.sparse: no such feature 'colour'; "),
        ("features.sparse", ["gender"], "features.sparse: no such feature 'gender'; allow"),
        ("features.dense", ["taste"], "features.dense: taste is called gp_stars now"),
        ("features.dense", ["gender", "gender"], "features: dense: gender is listed twice; name i"),
        ("features.dense", [], "features.dense = []: must be a list of at least one name"),
        ("gaussian_process.moods", [[0.1]], "gaussian_process.moods.0.1 missing: must be a list"),
        ("evaluate.user_steps", [20, 20], "evaluate: user_steps = [20, 20]: the second must be"),
        ("model.dropout", 1, "model.dropout = 1: must be a number from 0 to below 1"),
        ("model.top_layers", [], "model.top_layers = []: must be a list of at least one integer"),
        ("model.top_layers", [8, 0], "model.top_layers.1 = 0: must be a list of at least one"),
        ("encode.label_threshold", float("nan"), "encode.label_threshold = nan: must be a"),
        ("encode.label_threshold", float("inf"), "encode.label_threshold = inf: must be a"),
        ("encode.drop_ratings", [float("nan")], "encode.drop_ratings.0 = nan: must be a"),
        ("encode.drop_ratings", [float("inf")], "encode.drop_ratings.0 = inf: must be a"),
        (
            "statistics.windows",
            [0, 0],
            "statistics.windows = [0, 0]: a number is listed twice; nam",
        ),
    ],
)
def test_a_bad_value_is_reported_in_one_line(
    path: Path, key: str, value: object, message: str
) -> None:
    set_params(path, **{key: value})
    with refused(f"{path}: {message}"):
        load_params(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fetch: {dataset: ml-1m}\n", "fetch.synthetic_users missing: must be an integer from 1"),
        ("fetch: 3\n", "fetch = 3: must be a section with the keys dataset, synthetic_users"),
        ("splits: {}\n", "splits: no such section; allowed: fetch, own, encode, split, featur"),
        ("split: [\n", "is not valid YAML: line 2: "),
        ("", "expected sections, found None"),
        ("fetch: 1\nfetch: 2\n", "is not valid YAML: line 2: found duplicate key"),
        ("fetch: \0\n", "is not valid YAML: unacceptable character"),
        ("1: 2\n", "1: no such section"),
        ('"a\\nb": 2\n', r"'a\nb': no such section"),
        ("fetch: {1: 2}\n", "fetch.1 = 1: no such key"),
        ("fetch: {dataset: 2001-13-45}\n", "is not valid YAML: month must be in 1..12"),
        ("fetch: {dataset: !!python/object:os.system x}\n", "is not valid YAML: line 1: could not"),
        ("fetch: {dataset: 2001-12-14}\n", "fetch.dataset = datetime.date(2001, 12, 14): must be"),
        (f"fetch: {{synthetic_users: {10**400}}}\n", "synthetic_users = 1000000000000000000000000"),
        ("fetch: {synthetic_users: 1e999}\n", "fetch.synthetic_users = inf: must be an integer"),
        ("[" * 500, "is not valid YAML: maximum recursion depth"),
        ("<<<<<<< HEAD\nfetch: 1\n=======\n>>>>>>> x\n", "has merge conflicts (line 1); resolve"),
        ("\x80", "is not UTF-8 (byte 0); save it as UTF-8"),
        (f"fetch: {dict.fromkeys(map('key{}'.format, range(300)), 1)}", "fetch.key0 = 1: no such"),
    ],
)
def test_a_bad_file_is_reported_in_one_short_line(path: Path, text: str, message: str) -> None:
    path.write_text(text, encoding="latin-1")
    with refused(message):
        load_params(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train.embedding_optimizer": "rowwise_adagrad", "model.embedding_dimension": 6},
            "model.embedding_dimension = 6: train.embedding_optimizer = rowwise_adagrad needs a m",
        ),
        (
            {"features.dense": ["recent"], "statistics.windows": []},
            "features.dense = ['recent']: statistics.windows = [] gives it no column; add a number",
        ),
        (
            {"split.method": "leave_last", "features.dense": ["gender", "recent"]},
            "features.dense: recent describes ratings before and after; remove it, as a split by",
        ),
    ],
)
def test_values_that_do_not_go_together_are_reported(
    path: Path, changes: dict[str, object], message: str
) -> None:
    set_params(path, **changes)
    with refused(f"{path}: {message}"):
        load_params(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with refused("No such file or directory; run from the project's folder"):
        load_params(tmp_path / "params.yaml")
    with refused("Is a directory; make it a file that you may read"):
        load_params(tmp_path)


def test_a_misspelt_key_comes_before_the_missing_one(path: Path) -> None:
    path.write_text(PARAMS.read_text().replace("  batch_size: 4096", "  batchsize: 4096"))
    with pytest.raises(InputError, match=r"train\.batchsize = 4096: no such key; .* missing"):
        load_params(path)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_that_is_missing_is_named(path: Path, section: type[Section]) -> None:
    path.write_text(re.sub(rf"(?m)^{section.name}:\n(  .*\n|\n)*", "", PARAMS.read_text()))
    with refused(f"{section.name} = None: must be a section with"):
        load_params(path)
