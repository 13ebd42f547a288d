"""The section `train` of params.yaml."""

from typing import Literal

from recsys.common.params import Count, NotNegative, Positive, Section, Seed, Workers


class TrainParams(Section):
    name = "train"
    task: Literal["classification", "regression"]
    learning_rate: Positive
    weight_decay: NotNegative
    embedding_optimizer: Literal["adam", "rowwise_adagrad"]
    embedding_learning_rate: Positive
    average_epochs: NotNegative
    batch_size: Count
    epochs: Count
    patience: Count
    seed: Seed
    threads: Workers
    processes: Workers
    device: Literal["cpu", "cuda"]
