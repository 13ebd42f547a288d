"""What a model is worth if nothing that anybody rates after the training part is known to it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from recsys.dataloader.dataset import MovieLensDataset
from recsys.features import build
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.visibility import QUERY
from recsys.models.checkpoint import load_checkpoint
from recsys.pipeline.params import load_params
from recsys.storage.parquet import read_parquet
from recsys.storage.registry import FeatureParams, select_features
from recsys.storage.vocabulary import Vocabulary
from recsys.tasks.metrics import Metrics, classification_metrics
from recsys.tasks.predict import predict
from recsys.tasks.task import make_task


def judge_frozen(data: Path, run: Path) -> Metrics:
    """The metrics of the test part whose rows see only ratings of the time of the training part.

    Args:
        data: the folder with encoded, split and features, of a chronological split.
        run: the folder with dlrm, a classifier, and params.yaml.
    """
    params = load_params(run / "params.yaml")
    section = params[FeatureParams]
    settings = build.Settings(section, params[StatisticsParams], params[GaussianProcessParams])
    log, _ = build.read_log(data / "encoded/ratings.parquet", data / "split")
    # A query is a row that no row sees.
    later = log.seconds > log.seconds[log.training].max()
    log = replace(log, part=np.where(later, QUERY, log.part).astype(log.part.dtype))
    vocabulary = Vocabulary.load(data / "encoded/vocabulary.json")
    movies = read_parquet(data / "encoded/movies.parquet", vocabulary.schema("movies"))
    features = select_features(section.names)
    groups = tuple(f.name for f in features if f.table == "ratings" and f.kind == "dense")
    with threadpool_limits(1):
        catalogue = build.make_catalogue(movies, settings.statistics)
        computed = build.compute_features(
            log, catalogue, groups, settings, vocabulary.label_threshold
        )
    model, description, dimensions = load_checkpoint(run / "dlrm")
    task = make_task(description.task, dimensions.vocabulary.rating_scale)
    part = data / "split/test.parquet"
    test = MovieLensDataset(part, dimensions, task.target, description.features, data / "features")
    rows = build.read_column(part, build.schemas.PART, "row")
    frozen = np.column_stack([values[rows] for values in computed.dense.values()])
    test.statistics = torch.from_numpy(frozen)
    return classification_metrics(test.label.numpy(), predict(model, test, task), 0.5)
