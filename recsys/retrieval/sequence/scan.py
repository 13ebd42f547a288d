"""A linear recurrence over jagged sequences: h_i = g_i h_(i-1) + x_i, started anew for each person.

Compiled loops take one pass over the rows, without padding, in linear time.

Shapes: B people, T rows of all people, D numbers in a row.
"""

from typing import Any

import numba
import torch
from torch import Tensor

from recsys.common.arrays import Ints, Singles


def scan(gates: Tensor, inputs: Tensor, starts: Ints) -> Tensor:
    """The states h of the recurrence, which begins with h = x at the first row of each person.

    Args:
        gates, inputs: g and x, [T, D]
        starts: the first row of each person, and T, [B + 1]; each person has a row.

    Returns:
        [T, D]
    """
    return _Scan.apply(gates.contiguous(), inputs.contiguous(), starts)  # type: ignore[no-untyped-call]


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, inputs: Tensor, starts: Ints) -> Tensor:
        states = torch.empty_like(inputs)
        _run(gates.numpy(), inputs.numpy(), starts, states.numpy())
        ctx.save_for_backward(gates, states)
        ctx.starts = starts
        return states

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        gates, states = ctx.saved_tensors
        gate_grad, input_grad = torch.empty_like(gates), torch.empty_like(gates)
        arrays = (x.numpy() for x in (gates, states, gradient.contiguous(), gate_grad, input_grad))
        _run_back(*arrays, ctx.starts)
        return gate_grad, input_grad, None


@numba.njit(cache=True, nogil=True)
def _run(gates: Singles, inputs: Singles, starts: Ints, states: Singles) -> None:
    for person in range(len(starts) - 1):
        first = starts[person]
        states[first] = inputs[first]
        for row in range(first + 1, starts[person + 1]):
            for d in range(gates.shape[1]):
                states[row, d] = gates[row, d] * states[row - 1, d] + inputs[row, d]


@numba.njit(cache=True, nogil=True)
def _run_back(
    gates: Singles,
    states: Singles,
    gradient: Singles,
    gate_grad: Singles,
    input_grad: Singles,
    starts: Ints,
) -> None:
    for person in range(len(starts) - 1):
        first, last = starts[person], starts[person + 1] - 1
        input_grad[last] = gradient[last]
        for row in range(last, first, -1):
            for d in range(gates.shape[1]):
                gate_grad[row, d] = input_grad[row, d] * states[row - 1, d]
                input_grad[row - 1, d] = gradient[row - 1, d] + gates[row, d] * input_grad[row, d]
        gate_grad[first] = 0
