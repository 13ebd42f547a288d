import copy

import pytest
import torch
from torchrec import KeyedJaggedTensor
from torchrec.models.dlrm import DLRM, InteractionArch

from recsys.model import DLRMRecommender, Interaction
from recsys.params import ModelParams

SIZES = {"userid": 5, "movieid": 7, "genres": 4}


def make_params(**changes: object) -> ModelParams:
    values = {
        "embedding_dimension": 6,
        "pooling": "mean",
        "embedding_std": 0.5,
        "bottom_layers": [8],
        "top_layers": [16, 8],
        "dropout": 0.0,
    }
    return ModelParams.model_validate(values | changes)


def make_batch() -> tuple[torch.Tensor, KeyedJaggedTensor]:
    """Three rows; the second movie has no genre."""
    sparse = KeyedJaggedTensor(
        keys=["userid", "movieid", "genres"],
        values=torch.tensor([1, 0, 4, 6, 2, 2, 3, 0, 1]),
        lengths=torch.tensor([1, 1, 1, 1, 1, 1, 2, 0, 1]),
    )
    return torch.tensor([[0.0], [1.0], [0.5]]), sparse


@pytest.mark.parametrize("features", [1, 2, 3, 8])
def test_the_interaction_is_torchrecs(features: int) -> None:
    torch.manual_seed(0)
    dense = torch.randn(5, 4, requires_grad=True)
    sparse = torch.randn(5, features, 4, requires_grad=True)
    results = []
    for module in (Interaction(), InteractionArch(features)):
        output = module(dense, sparse)
        gradients = torch.autograd.grad(output.square().sum(), (dense, sparse))
        results.append((output, *gradients))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_model_is_torchrecs_dlrm() -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_params())
    collection = copy.deepcopy(model.dlrm.sparse_arch.embedding_bag_collection)
    theirs = DLRM(collection, 1, [8, 6], [16, 8, 1])
    for weight, other in zip(model.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(weight)
    logits, expected = model(*make_batch()), theirs(*make_batch()).squeeze(-1)
    torch.testing.assert_close(logits, expected)
    logits.square().sum().backward()
    expected.square().sum().backward()
    for weight, other in zip(model.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, other.grad)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_genres_are_pooled(pooling: str) -> None:
    model = DLRMRecommender(SIZES, 1, make_params(pooling=pooling))
    table = model.dlrm.sparse_arch.embedding_bag_collection.embedding_bags["genres"].weight
    pooled = model.dlrm.sparse_arch(make_batch()[1])[:, 2]
    both = table[3] + table[0]
    torch.testing.assert_close(pooled[0], both / 2 if pooling == "mean" else both)
    assert torch.equal(pooled[1], torch.zeros(6))
    assert torch.equal(pooled[2], table[1])


def test_one_row_gives_one_logit() -> None:
    sparse = KeyedJaggedTensor(
        keys=list(SIZES), values=torch.tensor([1, 1, 1]), lengths=torch.tensor([1, 1, 1])
    )
    assert DLRMRecommender(SIZES, 1, make_params())(torch.ones(1, 1), sparse).shape == (1,)


def test_every_weight_gets_a_gradient() -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_params(bottom_layers=[], top_layers=[16]))
    model(*make_batch()).sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_embeddings_start_as_asked_and_dropout_works_in_training_only() -> None:
    torch.manual_seed(0)
    params = make_params(embedding_std=0.01, dropout=0.5, top_layers=[64])
    model = DLRMRecommender({"userid": 4000, "movieid": 7, "genres": 4}, 1, params)
    bags = model.dlrm.sparse_arch.embedding_bag_collection.embedding_bags
    assert bags["userid"].weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not torch.equal(model(*make_batch()), model(*make_batch()))
    model.eval()
    assert torch.equal(model(*make_batch()), model(*make_batch()))
