"""Refuses params of features that do not suit the data, and warns of some that harm the model."""

import logging

from recsys.common.errors import InputError
from recsys.features.statistics import GROUPS
from recsys.storage.registry import STATISTICS, FeatureParams, select_features

logger = logging.getLogger(__name__)


def check_times(first: int, last: int, groups: tuple[str, ...]) -> None:
    """Check that there are times if a group needs them.

    Args:
        first, last: the times of the first and the last rating.

    Raises:
        InputError: there are none.
    """
    # A Gaussian process needs no times: without them, nothing fades.
    for group in {"recent", "time"}.intersection(groups):
        if first == last:
            raise InputError(
                f"features.dense: {group} needs times, but all ratings have the same time; remove "
                "it, or give the times of the ratings"
            )


def require_ratings_of_both_labels(params: FeatureParams) -> None:
    """Refuse features that have nothing to learn from positives alone. Raises: InputError."""
    processes = {feature.name for feature in STATISTICS} - GROUPS.keys()
    for key, names, useless in (
        ("dense", params.dense, processes),
        ("sparse", params.sparse, {"disliked"}),
    ):
        if found := [name for name in names if name in useless]:
            raise InputError(
                f"features.{key}: {', '.join(found)} needs ratings that are no likes, but the data "
                "has positives alone (drawn negatives are no ratings); remove it"
            )


def warn_about_leaks(past_only: bool, implicit: bool, params: FeatureParams) -> None:
    """Warn if what is visible to a rating of a random split leaks its label in training.

    Args:
        past_only, implicit: of the split and of the data set.
    """
    if past_only:
        return
    computed = [f for f in select_features(params.names, ()) if f.table == "ratings"]
    if computed and implicit:
        logger.warning(
            "features: %s of a random split and drawn negatives: a positive does not see itself, "
            "so counts leak the label of the row. Split by time, or remove them",
            ", ".join(feature.name for feature in computed),
        )
    elif "userid" in params.sparse and any(feature.kind == "dense" for feature in computed):
        logger.warning(
            "features.sparse: userid together with statistics of a random split harms the model: "
            "a user's mean without the row leaks the label of the row. Remove userid, or split by "
            "time"
        )
