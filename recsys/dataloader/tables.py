"""The tables of users and movies as tensors."""

import numpy as np
import torch
from torch import Tensor

from recsys.dataloader.jagged import Lists, Values
from recsys.dataloader.pair_features import UNKNOWN, PairFeatures
from recsys.storage.dimensions import Dimensions
from recsys.storage.registry import Feature


def load_pair_features(
    dimensions: Dimensions, features: tuple[Feature, ...], with_unknown_row: bool = False
) -> PairFeatures:
    """The features that are columns of the users or movies table.

    Args:
        features: features of other tables are left out.
        with_unknown_row: add a row behind each table, for users or movies that the table does not
            list. Its id is "unknown". Its other sparse features have no value, and its dense
            features have the registry's missing value.
    """
    sparse: dict[str, tuple[str, Values | Lists]] = {}
    dense: dict[str, tuple[str, Tensor]] = {}
    for feature in features:
        if feature.table == "ratings":
            continue
        if feature.kind == "dense":
            column = dimensions.tables[feature.table][feature.column].to_numpy()
            values = [*column, feature.missing] if with_unknown_row else column
            dense[feature.name] = feature.table, torch.tensor(np.asarray(values, np.float32))
        else:
            bags = _make_bags(dimensions, feature, with_unknown_row)
            sparse[feature.name] = feature.table, bags
    return PairFeatures(sparse, dense)


def make_index(dimensions: Dimensions, table: str, with_unknown_row: bool = False) -> Tensor:
    """The model's index of each row: row + 1, or UNKNOWN without a rating in the training part."""
    counts = torch.from_numpy(dimensions.training_ratings[table])
    index = torch.where(counts > 0, torch.arange(1, len(counts) + 1), UNKNOWN).int()
    return torch.cat([index, torch.tensor([UNKNOWN]).int()]) if with_unknown_row else index


def _make_bags(dimensions: Dimensions, feature: Feature, with_unknown_row: bool) -> Values | Lists:
    if feature.column is None:
        return Values(make_index(dimensions, feature.table, with_unknown_row))
    column = dimensions.tables[feature.table][feature.column].combine_chunks()
    if feature.kind == "list":
        values = torch.tensor(column.flatten().to_numpy())
        lengths = torch.tensor(column.value_lengths().to_numpy())
    else:
        values = torch.tensor(column.to_numpy())
        if not with_unknown_row:
            return Values(values)
        lengths = torch.ones(len(values), dtype=torch.int32)
    if with_unknown_row:
        lengths = torch.cat([lengths, torch.zeros(1, dtype=torch.int32)])
    return Lists.from_lengths(values, lengths)
