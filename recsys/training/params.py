"""The section `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from recsys.common.params import Count, NotNegative, Section, Seed, Workers

LearningRate = Annotated[float, Field(description="a number above 0", gt=0)]


class TrainParams(Section):
    name = "train"
    thresholds: Literal["all", "label"]
    learning_rate: LearningRate
    weight_decay: NotNegative
    embedding_optimizer: Literal["adam", "rowwise_adagrad"]
    embedding_learning_rate: LearningRate
    average_epochs: NotNegative
    batch_size: Count
    epochs: Count
    patience: Count
    seed: Seed
    threads: Workers
    processes: Workers
    device: Literal["cpu", "cuda"]
