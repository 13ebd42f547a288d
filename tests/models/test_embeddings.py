import copy
from importlib.metadata import version

import pytest
import torch
from torchrec import EmbeddingBagCollection, KeyedJaggedTensor
from torchrec.models.dlrm import SparseArch
from torchrec.modules.embedding_configs import EmbeddingBagConfig, PoolingType

from recsys.models import embeddings
from recsys.models.embeddings import (
    fuse_optimizer,
    fused_optimizer_states,
    has_fast_gradient,
    look_up,
)

ROWS = {"userid": 50, "movieid": 9, "genres": 4}


def make_collection(pooling: PoolingType, dimension: int) -> EmbeddingBagCollection:
    return EmbeddingBagCollection(
        [
            EmbeddingBagConfig(
                name=name,
                feature_names=[name],
                num_embeddings=rows,
                embedding_dim=dimension,
                pooling=pooling,
            )
            for name, rows in ROWS.items()
        ]
    )


def make_features(batch: int) -> KeyedJaggedTensor:
    """One user and one movie in each row, some of them repeated, and zero to five genres."""
    lengths = [torch.ones(batch, dtype=torch.int32)] * 2
    lengths.append(torch.randint(0, 6, (batch,), dtype=torch.int32))
    values = [
        torch.randint(0, rows, (int(length.sum()),))
        for rows, length in zip(ROWS.values(), lengths, strict=True)
    ]
    return KeyedJaggedTensor(list(ROWS), torch.cat(values), lengths=torch.cat(lengths))


def stack(tables: torch.nn.Module, features: KeyedJaggedTensor) -> torch.Tensor:
    """The pooled vectors as one tensor, [B, F, D], which TorchRec's `SparseArch` returns."""
    return torch.stack(look_up(tables, features), 1)


@pytest.mark.parametrize("pooling", [PoolingType.SUM, PoolingType.MEAN])
@pytest.mark.parametrize(("batch", "dimension"), [(1, 4), (7, 3), (300, 32)])
def test_embeddings_and_gradients_equal_torchrecs(
    pooling: PoolingType, batch: int, dimension: int
) -> None:
    torch.manual_seed(batch)
    collection = make_collection(pooling, dimension)
    features = make_features(batch)
    weights = list(collection.parameters())
    direction = torch.randn(batch, len(ROWS), dimension)
    results = []
    for output in (stack(collection, features), SparseArch(collection)(features)):
        gradients = torch.autograd.grad((output * direction).sum(), weights)
        results.append((output, *gradients))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


def test_an_index_outside_of_its_table_is_an_error() -> None:
    tables = make_collection(PoolingType.SUM, 4)
    values, lengths = torch.tensor([0, 9, 0]), torch.tensor([1, 1, 1])
    with pytest.raises(RuntimeError, match="9 which is not in the valid range"):
        look_up(tables, KeyedJaggedTensor(list(ROWS), values, lengths=lengths))


@pytest.mark.parametrize("pooling", [PoolingType.SUM, PoolingType.MEAN])
def test_the_fused_optimizer_is_rowwise_adagrad(pooling: PoolingType) -> None:
    """Three steps equal the formula, applied to the gradients of TorchRec's module."""
    torch.manual_seed(3)
    collection = make_collection(pooling, 8)
    theirs = SparseArch(copy.deepcopy(collection))
    fused = fuse_optimizer(collection, 0.1)
    weights = list(theirs.parameters())
    sums = [torch.zeros(len(weight)) for weight in weights]
    for _ in range(3):
        features = make_features(20)
        direction = torch.randn(20, len(ROWS), 8)
        output = stack(fused, features)
        torch.testing.assert_close(output, theirs(features))
        (output * direction).sum().backward()
        gradients = torch.autograd.grad((theirs(features) * direction).sum(), weights)
        for weight, total, gradient in zip(weights, sums, gradients, strict=True):
            total += gradient.square().mean(1)
            weight.data -= 0.1 * gradient / (total.sqrt() + 1e-8).unsqueeze(1)
    for ours, expected in ((fused.parameters(), weights), (fused_optimizer_states(fused), sums)):
        torch.testing.assert_close(list(ours), expected, rtol=1e-4, atol=1e-5)
    # Some users are in no batch, so their rows must have kept their weights.
    assert (sums[0] == 0).any()


def test_loading_a_state_dict_changes_the_kernels_weights() -> None:
    fused = fuse_optimizer(make_collection(PoolingType.SUM, 4), 0.1)
    other = make_collection(PoolingType.SUM, 4)
    fused.load_state_dict(other.state_dict())
    features = make_features(5)
    torch.testing.assert_close(stack(fused, features), SparseArch(other)(features))


def test_the_default_run_has_the_gradient_of_this_fbgemm() -> None:
    """The operator is private to FBGEMM. Another version may train more slowly: measure it."""
    assert version("fbgemm-gpu-cpu") == "1.8.0"
    assert has_fast_gradient("cpu")
    assert not has_fast_gradient("cuda")


@pytest.mark.parametrize("change", ["no operator", "other arguments"])
def test_without_the_operator_torchs_own_gradient_is_taken(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    tables, features = make_collection(PoolingType.MEAN, 4), make_features(9)
    expected = torch.autograd.grad(
        stack(tables, features).square().sum(), list(tables.parameters())
    )
    if change == "no operator":
        monkeypatch.setattr(embeddings, "GRADIENT", "no_such_operator")
    else:
        monkeypatch.setattr(embeddings, "GRADIENT_ARGUMENTS", ("grad_output",))
    has_fast_gradient.cache_clear()
    try:
        assert not has_fast_gradient("cpu")
        output = stack(tables, features)
    finally:
        has_fast_gradient.cache_clear()
    found = torch.autograd.grad(output.square().sum(), list(tables.parameters()))
    torch.testing.assert_close(found, expected)
