import copy

import pytest
import torch
from torch import nn
from torchrec import KeyedJaggedTensor
from torchrec.models import dlrm as torchrec_dlrm

from recsys.models.dlrm import DLRM, DLRMRecommender, OverArch, UniqueDenseDLRM
from recsys.models.embeddings import make_tables
from recsys.models.interactions import InteractionArch, make_interaction
from recsys.models.params import ModelParams

SIZES = {"userid": 5, "movieid": 7, "genres": 4}


def make_params(**changes: object) -> ModelParams:
    values = {
        "kind": "dlrm",
        "cross_layers": 2,
        "cross_rank": 3,
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
def test_the_interaction_equals_torchrecs(features: int) -> None:
    torch.manual_seed(0)
    dense = torch.randn(5, 4, requires_grad=True)
    sparse = torch.randn(5, features, 4, requires_grad=True)
    results = []
    for module, vectors in (
        (InteractionArch(), sparse.unbind(1)),
        (torchrec_dlrm.InteractionArch(features), sparse),
    ):
        output = module(dense, vectors)
        gradients = torch.autograd.grad(output.square().sum(), (dense, sparse))
        results.append((output, *gradients))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_model_equals_torchrecs_dlrm() -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_params())
    collection = copy.deepcopy(model.dlrm.sparse_arch.embedding_bag_collection)
    theirs = torchrec_dlrm.DLRM(collection, 1, [8, 6], [16, 8, 1])
    for weight, other in zip(model.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(weight)
    logits, expected = model(*make_batch()), theirs(*make_batch()).squeeze(-1)
    torch.testing.assert_close(logits, expected)
    logits.square().sum().backward()
    expected.square().sum().backward()
    for weight, other in zip(model.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, other.grad)


def test_computing_unique_dense_values_once_changes_no_result() -> None:
    """Two of the three rows have the same gender."""
    torch.manual_seed(0)
    unique = DLRMRecommender(SIZES, 1, make_params(dropout=0.5)).dlrm
    assert isinstance(unique, UniqueDenseDLRM)
    plain = DLRM(unique.sparse_arch, unique.dense_arch, unique.inter_arch, unique.over_arch)
    genders, sparse = torch.tensor([[0.0], [1.0], [0.0]]), make_batch()[1]
    results = []
    for model in (unique, plain):
        torch.manual_seed(1)
        logits = model(genders, sparse)
        gradients = torch.autograd.grad(logits.square().sum(), list(model.parameters()))
        results.append((logits, *gradients))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dense_features", [1, 3])
@pytest.mark.parametrize("kind", ["dlrm", "dcn", "deepfm", "fm", "lr"])
def test_a_seed_gives_the_weights_of_the_recorded_runs(kind: str, dense_features: int) -> None:
    """In those runs, TorchRec's DLRM drew its weights first, and some parts were drawn again."""
    params, linear = make_params(kind=kind), kind in ("fm", "lr")
    torch.manual_seed(1)
    model = DLRMRecommender(SIZES, dense_features, params)
    state = torch.get_rng_state()

    torch.manual_seed(1)
    tables = make_tables(SIZES, params)
    inter_arch, interactions = make_interaction(len(SIZES), params)
    bottom = [6] if linear else [8, 6]
    first = torchrec_dlrm.DLRM(tables, dense_features, bottom, [16, 8, 1])
    over_arch = OverArch(interactions, () if linear else (16, 8))
    dense_arch = first.dense_arch
    if linear:
        dense_arch = nn.Linear(dense_features, 6)
    elif kind == "dlrm" and dense_features == 1:
        dense_arch = torchrec_dlrm.DenseArch(1, bottom)
    parts = nn.ModuleList([tables, dense_arch, inter_arch, over_arch])
    for weight, expected in zip(model.parameters(), parts.parameters(), strict=True):
        assert torch.equal(weight, expected)
    # Dropout continues from the generator's state, so the number of draws must be the same too.
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_genres_are_pooled(pooling: str) -> None:
    model = DLRMRecommender(SIZES, 1, make_params(pooling=pooling))
    table = model.dlrm.sparse_arch.embedding_bag_collection.embedding_bags["genres"].weight
    pooled = model.dlrm.sparse_arch(make_batch()[1])[2]
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


def test_embeddings_start_with_embedding_std_and_dropout_works_in_training_only() -> None:
    torch.manual_seed(0)
    params = make_params(embedding_std=0.01, dropout=0.5, top_layers=[64])
    model = DLRMRecommender({"userid": 4000, "movieid": 7, "genres": 4}, 1, params)
    bags = model.dlrm.sparse_arch.embedding_bag_collection.embedding_bags
    assert bags["userid"].weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not torch.equal(model(*make_batch()), model(*make_batch()))
    model.eval()
    assert torch.equal(model(*make_batch()), model(*make_batch()))


KINDS = ["dlrm", "dcn", "deepfm", "fm", "lr"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_returns_logits_and_has_gradients(kind: str) -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_params(kind=kind))
    logits = model(*make_batch())
    assert logits.shape == (3,)
    logits.sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_dcn_equals_torchrecs_dlrm_dcn() -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_params(kind="dcn"))
    collection = copy.deepcopy(model.dlrm.sparse_arch.embedding_bag_collection)
    theirs = torchrec_dlrm.DLRM_DCN(
        collection, 1, [8, 6], [16, 8, 1], dcn_num_layers=2, dcn_low_rank_dim=3
    )
    for weight, other in zip(model.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(weight)
    torch.testing.assert_close(model(*make_batch()), theirs(*make_batch()).squeeze(-1))


def vectors_of(model: DLRMRecommender) -> torch.Tensor:
    """The dense vector and the sparse vectors of each row, [B, F + 1, D]."""
    dense, sparse = make_batch()
    return torch.stack([model.dlrm.dense_arch(dense), *model.dlrm.sparse_arch(sparse)], dim=1)


def test_a_factorization_machine_adds_a_linear_part_and_dot_products() -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_params(kind="fm"))
    vectors = vectors_of(model)
    products = sum(
        (vectors[:, left] * vectors[:, right]).sum(1)
        for left in range(4)
        for right in range(left + 1, 4)
    )
    linear = model.dlrm.over_arch[0]
    expected = linear(torch.cat([vectors.flatten(1), products.unsqueeze(1)], dim=1)).squeeze(1)
    torch.testing.assert_close(model(*make_batch()), expected, rtol=1e-4, atol=1e-5)


def test_logistic_regression_is_linear_in_each_feature() -> None:
    """Another user changes the logit only by the weighted difference of the users' vectors."""
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_params(kind="lr"))
    dense, sparse = make_batch()
    values = sparse.values().clone()
    values[0], values[1] = 3, 2
    changed = KeyedJaggedTensor(sparse.keys(), values, lengths=sparse.lengths())
    table = model.dlrm.sparse_arch.embedding_bag_collection.embedding_bags["userid"].weight
    weights = model.dlrm.over_arch[0].weight[0, 6:12]
    difference = model(dense, changed) - model(dense, sparse)
    expected = torch.stack([(table[3] - table[1]) @ weights, (table[2] - table[0]) @ weights])
    torch.testing.assert_close(difference[:2], expected)
    assert difference[2] == 0


def test_histories_look_up_the_movies_table() -> None:
    torch.manual_seed(0)
    sizes = {"userid": 5, "movieid": 7, "liked": 7, "disliked": 7, "genres": 4}
    shared = {"liked": "movieid", "disliked": "movieid"}
    model = DLRMRecommender(sizes, 1, make_params(embedding_dimension=8), shared=shared)
    collection = model.dlrm.sparse_arch.embedding_bag_collection
    assert list(collection.embedding_bags) == ["userid", "movieid", "genres"]
    sparse = KeyedJaggedTensor(
        list(sizes),
        torch.tensor([1, 4, 6, 2, 5, 5, 1, 3, 0]),
        lengths=torch.tensor([1, 1, 1, 1, 2, 0, 0, 1, 1, 1]),
    )
    pooled = torch.stack(model.dlrm.sparse_arch(sparse), 1)
    movies = collection.embedding_bags["movieid"].weight
    torch.testing.assert_close(pooled[0, 2], movies[5])
    torch.testing.assert_close(pooled[:, 1], movies[[6, 2]])
    torch.testing.assert_close(pooled[1, 3], movies[1])
    torch.testing.assert_close(pooled, torchrec_dlrm.SparseArch(collection)(sparse))
    direction = torch.randn_like(pooled)
    gradients = [
        torch.autograd.grad((output * direction).sum(), list(collection.parameters()))
        for output in (pooled, torchrec_dlrm.SparseArch(collection)(sparse))
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)
    model.fuse_embeddings(0.1)
    torch.testing.assert_close(torch.stack(model.dlrm.sparse_arch(sparse), 1), pooled)


def test_a_model_takes_several_dense_features() -> None:
    model = DLRMRecommender(SIZES, 3, make_params())
    dense, sparse = torch.rand(3, 3), make_batch()[1]
    assert model(dense, sparse).shape == (3,)
