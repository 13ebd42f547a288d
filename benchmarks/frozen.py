"""The accuracy of a model that knows no rating after the training part."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import torch

from recsys.dataloader.dataset import MovieLensDataset
from recsys.features.files import read_fitted
from recsys.features.online import Queries
from recsys.features.online_with_log import OnlineFeaturesWithLog
from recsys.models.answers import read_answers
from recsys.models.checkpoint import load_model, read_checkpoint
from recsys.scoring.metrics import Metrics, classification_metrics
from recsys.scoring.predict import predict
from recsys.storage import schemas
from recsys.storage.parquet import read_column


def judge_frozen(data: Path, checkpoint: Path) -> Metrics:
    """The metrics of the test part, at its times, from the ratings up to the end of training.

    Args:
        data: the folder with encoded, split and features, of a chronological split.
        checkpoint: a model without histories among its features.
    """
    trained = read_checkpoint(checkpoint)
    dimensions = trained.dimensions
    end = read_column(data / "split/train", schemas.PART, "timestamp").max()
    fitted, ratings = read_fitted(data / "features", trained.lineage, checkpoint)
    store = OnlineFeaturesWithLog(fitted, ratings.filter(pc.field("timestamp") <= int(end)))
    part = data / "split/test.parquet"
    test = MovieLensDataset(part, dimensions, trained.features, data / "features")
    queries = Queries(*(read_column(part, schemas.PART, n) for n in ("user", "movie", "timestamp")))
    features = store.compute(store.ratings_of(np.unique(queries.user)), queries)
    test.statistics = torch.from_numpy(features.dense)
    answers = read_answers(predict(load_model(trained), test), trained.description.heads)
    return classification_metrics(test.labels[:, 0].numpy(), answers.likes, 0.5)
