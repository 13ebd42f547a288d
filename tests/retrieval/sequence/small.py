"""Params of a small sequence encoder."""

from recsys.retrieval.params import SequenceParams

PARAMS = SequenceParams(
    dimension=16,
    blocks=1,
    dropout=0.0,
    learning_rate=0.02,
    weight_decay=0.01,
    negatives=6,
    batch_size=32,
    epochs=20,
    seed=1,
    threads=1,
)
