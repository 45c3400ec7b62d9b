"""Quantisation: the integer arithmetic of the exported network, simulated in training.

Weights are int8 with a power-of-two scale per output row; activations are unsigned fixed-point numbers.
Everything is differentiable by the straight-through estimator (Bengio et al. 2013).
"""

import typing

import torch

WEIGHT_MAX = 127
EXACT = 2**24  # integers below this magnitude are exact in float32, in sums of any order
DELTA_MAX = 2**20  # room in every row bound for deltas, which are added to the biases


class Grid(typing.NamedTuple):
    """The integers between the layers of a network."""

    context_max: int  # largest magnitude
    context_fraction: int  # a context x is seen by the network as x / 2^context_fraction
    activation_max: int
    activation_fraction: int

    def input_maxima(self, layers):
        """The largest magnitude of each layer's integer inputs."""
        return [self.context_max] + [self.activation_max] * (layers - 1)


# Activations, in real units, are in [0, 16).
WIDE = Grid(context_max=256, context_fraction=5, activation_max=2047, activation_fraction=7)
BYTES = Grid(context_max=128, context_fraction=4, activation_max=255, activation_fraction=4)


def round_through(x):
    """Rounds to the nearest integer; the gradient passes unchanged."""
    return x + (torch.round(x) - x).detach()


def row_exponents(weight, input_max):
    """Per output row, the largest e such that rows of round(weight * 2^e) keep the row bound.

    weight: (out, in) real. Returns (out,) float tensor of integers. The bound is
    input_max * sum|w| + |b| + DELTA_MAX < EXACT; an eighth of it is left to the bias and to rounding.
    """
    by_weight = WEIGHT_MAX / weight.abs().amax(1).clamp_min(1e-6)
    by_row = (EXACT - DELTA_MAX) * 0.875 / input_max / weight.abs().sum(1).clamp_min(1e-6)
    return torch.floor(torch.log2(torch.minimum(by_weight, by_row)))


def fake_quantize_weight(weight, input_max):
    """The weight matrix rounded to int8, in real units."""
    scale = torch.exp2(row_exponents(weight.detach(), input_max))[:, None]
    return round_through(weight * scale) / scale


@torch.compile(dynamic=True)
def clip_and_round(x, maximum):
    return x.clamp(0, maximum).round()


class Activation(torch.autograd.Function):
    """Clipped ReLU on the fixed-point grid: real numbers -> integers from 0 to `maximum`."""

    @staticmethod
    def forward(context, x, maximum):
        y = clip_and_round(x, maximum)
        context.save_for_backward(y)
        context.maximum = maximum
        return y

    @staticmethod
    def backward(context, gradient):
        (y,) = context.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, y, 0.5, context.maximum - 0.5), None
