import copy

import pytest
import torch
from torchrec import KeyedJaggedTensor
from torchrec.models import dlrm as torchrec_dlrm
from torchrec.modules.deepfm import DeepFM

from recsys.models.description import Architecture
from recsys.models.dlrm import DLRMRecommender
from recsys.models.embeddings import look_up
from recsys.models.network import DotInteraction, FactorizationInteraction, Network

KINDS = ["dlrm", "dcn", "deepfm", "fm", "lr"]
SIZES = {"userid": 5, "movieid": 7, "genres": 4}


def make_architecture(**changes: object) -> Architecture:
    values = {
        "kind": "dlrm",
        "cross_layers": 2,
        "cross_rank": 3,
        "embedding_dimension": 6,
        "pooling": "mean",
        "embedding_std": 0.5,
        "bottom_layers": (8,),
        "top_layers": (16, 8),
        "dropout": 0.0,
    }
    return Architecture(**values | changes)


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
    """TorchRec's begins with the dense vector, which our over arch takes itself."""
    torch.manual_seed(0)
    dense = torch.randn(5, 4, requires_grad=True)
    sparse = torch.randn(5, features, 4, requires_grad=True)
    results = []
    for output in (
        DotInteraction()([dense, *sparse.unbind(1)]),
        torchrec_dlrm.InteractionArch(features)(dense, sparse)[:, 4:],
    ):
        gradients = torch.autograd.grad(output.square().sum(), (dense, sparse))
        results.append((output, *gradients))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("thresholds", [1, 4])
def test_the_model_equals_torchrecs_dlrm(thresholds: int) -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_architecture(), thresholds=thresholds)
    collection = copy.deepcopy(model.tables)
    theirs = torchrec_dlrm.DLRM(collection, 1, [8, 6], [16, 8, thresholds])
    for weight, other in zip(model.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(weight)
    results = []
    for dlrm in (model, theirs):
        logits = dlrm(*make_batch())
        gradients = torch.autograd.grad(logits.square().sum(), list(dlrm.parameters()))
        results.append((logits, *gradients))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("dense_features", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_repeated_dense_rows_give_the_same_logits_and_gradients(
    kind: str, dense_features: int
) -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, dense_features, make_architecture(kind=kind, dropout=0.5))
    unique, index = torch.rand(2, dense_features), torch.tensor([1, 0, 1])
    results = []
    for dense, dense_index in ((unique[index], None), (unique, index)):
        torch.manual_seed(1)
        logits = model(dense, make_batch()[1], dense_index)
        assert logits.shape == (3, 1)
        # Every weight has a gradient: autograd refuses one that the logits do not depend on.
        gradients = torch.autograd.grad(logits.square().sum(), list(model.parameters()))
        results.append((logits, *gradients))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_can_be_exported(kind: str) -> None:
    """No branch of it depends on data, so one graph serves batches of any size."""
    torch.manual_seed(0)
    network = Network(make_architecture(kind=kind), 3, 2).eval()

    def make_inputs(size: int) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        pooled = [torch.randn(size, 6) for _ in range(3)]
        return torch.randn(4, 2), pooled, torch.randint(0, 4, (size,))

    batch = torch.export.Dim("batch", min=2)
    shapes = {"dense": None, "pooled": [{0: batch}] * 3, "dense_index": {0: batch}}
    with torch.no_grad():
        exported = torch.export.export(network, make_inputs(7), dynamic_shapes=shapes).module()
        for size in (2, 50):
            inputs = make_inputs(size)
            torch.testing.assert_close(exported(*inputs), network(*inputs))


@pytest.mark.parametrize("kind", KINDS)
def test_each_first_weight_is_drawn_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many random numbers are drawn as the model has weights that begin with one."""
    drawn = []
    for name in ("normal_", "uniform_"):
        draw = getattr(torch.Tensor, name)

        def count(
            tensor: torch.Tensor, *args: object, draw: object = draw, **named: object
        ) -> object:
            drawn.append(0 if tensor.is_meta else tensor.numel())
            return draw(tensor, *args, **named)

        monkeypatch.setattr(torch.Tensor, name, count)
    model = DLRMRecommender(SIZES, 1, make_architecture(kind=kind))
    random = [w for name, w in model.named_parameters() if "inter_arch.bias" not in name]
    assert sum(drawn) == sum(weight.numel() for weight in random)


def test_an_embedding_table_begins_with_the_first_draws() -> None:
    torch.manual_seed(3)
    model = DLRMRecommender(SIZES, 1, make_architecture())
    torch.manual_seed(3)
    expected = torch.empty(5, 6).normal_(std=0.5)
    assert torch.equal(model.tables.embedding_bags["userid"].weight, expected)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_genres_are_pooled(pooling: str) -> None:
    model = DLRMRecommender(SIZES, 1, make_architecture(pooling=pooling))
    table = model.tables.embedding_bags["genres"].weight
    pooled = look_up(model.tables, make_batch()[1])[2]
    both = table[3] + table[0]
    torch.testing.assert_close(pooled[0], both / 2 if pooling == "mean" else both)
    assert torch.equal(pooled[1], torch.zeros(6))
    assert torch.equal(pooled[2], table[1])


@pytest.mark.parametrize("thresholds", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_a_logit_for_each_threshold(kind: str, thresholds: int) -> None:
    ones = torch.ones(3, dtype=torch.int)
    sparse = KeyedJaggedTensor(list(SIZES), ones.long(), lengths=ones)
    model = DLRMRecommender(SIZES, 1, make_architecture(kind=kind), thresholds=thresholds)
    assert model(torch.ones(1, 1), sparse).shape == (1, thresholds)


def test_every_weight_gets_a_gradient() -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_architecture(bottom_layers=(), top_layers=(16,)))
    model(*make_batch()).sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_embeddings_start_with_embedding_std_and_dropout_works_in_training_only() -> None:
    torch.manual_seed(0)
    params = make_architecture(embedding_std=0.01, dropout=0.5, top_layers=(64,))
    model = DLRMRecommender({"userid": 4000, "movieid": 7, "genres": 4}, 1, params)
    bags = model.tables.embedding_bags
    assert bags["userid"].weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not torch.equal(model(*make_batch()), model(*make_batch()))
    model.eval()
    assert torch.equal(model(*make_batch()), model(*make_batch()))


def test_dcn_equals_torchrecs_dlrm_dcn() -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_architecture(kind="dcn"))
    collection = copy.deepcopy(model.tables)
    theirs = torchrec_dlrm.DLRM_DCN(
        collection, 1, [8, 6], [16, 8, 1], dcn_num_layers=2, dcn_low_rank_dim=3
    )
    crosses, crossnet = model.network.inter_arch, theirs.inter_arch.crossnet
    pairs = [
        *zip(model.network.dense_arch.parameters(), theirs.dense_arch.parameters(), strict=True),
        *zip(crosses.down, crossnet.V_kernels, strict=True),
        *zip(crosses.up, crossnet.W_kernels, strict=True),
        *zip(crosses.bias, crossnet.bias, strict=True),
        *zip(model.network.over_arch.parameters(), theirs.over_arch.parameters(), strict=True),
    ]
    for weight, other in pairs:
        other.data.copy_(weight.data.normal_())
    torch.testing.assert_close(model(*make_batch()), theirs(*make_batch()))


def test_the_deep_part_equals_torchrecs() -> None:
    torch.manual_seed(0)
    vectors = [torch.randn(5, 4) for _ in range(3)]
    interaction = FactorizationInteraction(flat=12, deep=7)
    expected = DeepFM(interaction.deep)(vectors)
    torch.testing.assert_close(interaction(vectors)[:, -7:], expected)


def vectors_of(model: DLRMRecommender) -> torch.Tensor:
    """The dense vector and the sparse vectors of each row, [B, F + 1, D]."""
    dense, sparse = make_batch()
    return torch.stack([model.network.dense_arch(dense), *look_up(model.tables, sparse)], dim=1)


def test_a_factorization_machine_adds_a_linear_part_and_dot_products() -> None:
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_architecture(kind="fm"))
    vectors = vectors_of(model)
    products = sum(
        (vectors[:, left] * vectors[:, right]).sum(1)
        for left in range(4)
        for right in range(left + 1, 4)
    )
    linear = model.network.over_arch[0]
    expected = linear(torch.cat([vectors.flatten(1), products.unsqueeze(1)], dim=1))
    torch.testing.assert_close(model(*make_batch()), expected, rtol=1e-4, atol=1e-5)


def test_logistic_regression_is_linear_in_each_feature() -> None:
    """Another user changes the logit only by the weighted difference of the users' vectors."""
    torch.manual_seed(0)
    model = DLRMRecommender(SIZES, 1, make_architecture(kind="lr"))
    dense, sparse = make_batch()
    values = sparse.values().clone()
    values[0], values[1] = 3, 2
    changed = KeyedJaggedTensor(sparse.keys(), values, lengths=sparse.lengths())
    table = model.tables.embedding_bags["userid"].weight
    weights = model.network.over_arch[0].weight[0, 6:12]
    difference = model(dense, changed) - model(dense, sparse)
    expected = torch.stack([(table[3] - table[1]) @ weights, (table[2] - table[0]) @ weights])
    torch.testing.assert_close(difference[:2, 0], expected)
    assert difference[2] == 0


def test_histories_look_up_the_movies_table() -> None:
    torch.manual_seed(0)
    tables = {name: name for name in ("userid", "movieid")}
    tables |= {"liked": "movieid", "disliked": "movieid", "genres": "genres"}
    model = DLRMRecommender(SIZES, 1, make_architecture(embedding_dimension=8), tables)
    collection = model.tables
    assert list(collection.embedding_bags) == ["userid", "movieid", "genres"]
    sparse = KeyedJaggedTensor(
        list(tables),
        torch.tensor([1, 4, 6, 2, 5, 5, 1, 3, 0]),
        lengths=torch.tensor([1, 1, 1, 1, 2, 0, 0, 1, 1, 1]),
    )
    pooled = torch.stack(look_up(model.tables, sparse), 1)
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
    torch.testing.assert_close(*gradients)
    model.fuse_optimizer(0.1)
    torch.testing.assert_close(torch.stack(look_up(model.tables, sparse), 1), pooled)
