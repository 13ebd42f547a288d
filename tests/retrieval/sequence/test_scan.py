import numpy as np
import torch

from recsys.retrieval.sequence.scan import scan

STARTS = np.array([0, 3, 4, 9])


def loop(gates: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """The recurrence as it is written down."""
    states: list[torch.Tensor] = []
    for row in range(len(inputs)):
        new = inputs[row] if row in STARTS else gates[row] * states[-1] + inputs[row]
        states.append(new)
    return torch.stack(states)


def test_states_by_hand() -> None:
    gates, inputs = torch.tensor([[0.5]] * 9), torch.ones(9, 1)
    expected = [1, 1.5, 1.75, 1, 1, 1.5, 1.75, 1.875, 1.9375]
    assert scan(gates, inputs, STARTS).ravel().tolist() == expected


def test_states_and_gradients_equal_the_loops() -> None:
    torch.manual_seed(1)
    gates, inputs, weights = torch.rand(9, 4), torch.randn(9, 4), torch.randn(9, 4)
    found = []
    for run in (lambda g, x: scan(g, x, STARTS), loop):
        leaves = [x.clone().requires_grad_() for x in (gates, inputs)]
        states = run(*leaves)
        found.append((states, *torch.autograd.grad((states * weights).sum(), leaves)))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected)
