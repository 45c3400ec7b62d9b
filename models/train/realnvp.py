"""The affine flow: RealNVP's levels with Glow's mixing of channels, as a program, on dequantized samples.

A level squeezes, transforms each block of pixels into its mean and three details (a trained 1x1 convolution that starts
as the Haar transform), and factors the details out one after the other, each given the mean and the details before it.
The means form the next, coarser level.

With autoregressive couplings there are no levels: each pixel is changed given those before it (raster).
"""

import torch
from torch import nn

import dequantize
import programs
from programs import RASTER, Couple, Factor, Lu, Norm, Program, Squeeze

LEVELS = 4


def haar(channels):
    """The Haar transform of blocks of four pixels, by place then channel, as L and U: mean, and three differences."""
    size = 4 * channels
    lower, upper = torch.zeros(size, size), torch.zeros(size, size)
    for c in range(channels):
        at = lambda place: place * channels + c
        lower[at(1), at(0)] = lower[at(2), at(0)] = lower[at(3), at(1)] = lower[at(3), at(2)] = -1
        lower[at(3), at(0)] = 1
        upper[at(0), at(1)] = upper[at(0), at(2)] = upper[at(1), at(3)] = upper[at(2), at(3)] = 0.5
        upper[at(0), at(3)] = 0.25
    return lower, upper


def decorrelation(channels, size):
    """Colour differences within groups of channels that start with green, as L; there is no U."""
    lower = torch.zeros(size, size)
    for first in range(0, size, channels):
        for c in range(first + 1, first + channels):
            lower[c, first] = -1
    return lower, torch.zeros(size, size)


def detail(first, channels, config, halves=False, **learned):
    """Factors a detail out, given all channels before it: the colours after the first one, then the first one; with
    `halves`, one half of a checkerboard given the other."""
    known = lambda end: list(range(end))
    additive = config.coupling == "additive"
    operations = []
    couple = lambda *rest, **named: Couple(*rest, config.hidden, config.taps, additive=additive, **named, **learned)
    if channels > 1:
        operations += [couple(range(first + 1, first + channels), known(first + 1)), *after(channels - 1, config)]
    if halves:
        operations.append(couple([first], known(first), parity=1, half=[first]))
        operations.append(couple([first], known(first), parity=0))
    else:
        operations.append(couple([first], known(first)))
    return [*operations, *after(1, config)]


def after(channels, config):
    """Factors out channels after a coupling. After additive couplings, constants set the scale."""
    scales = [Norm(channels, -1.5)] if config.coupling == "additive" else []
    return [*scales, Factor(channels, config.gaussian)]


def raster(channels, config, **learned):
    """An autoregressive flow with one layer: the last channel first, each pixel given all earlier channels and the pixels
    before it. With a Gaussian base, its conditional distributions are Gaussian."""
    operations = [Lu(*decorrelation(channels, channels))] if channels > 1 else []
    for channel in reversed(range(channels)):
        around = {"parity": RASTER, "half": [channel]}
        operations.append(Couple([channel], range(channel), config.hidden, config.taps, **around, **learned))
        operations.append(Factor(1, config.gaussian))
    return operations


def levels(config, first, **learned):
    """The levels from `first` to LEVELS, and the operations that code the last mean."""
    channels = config.channels
    operations = []
    for level in range(first, LEVELS):
        size = 4 * channels
        operations += [Squeeze(), Lu(*haar(channels), scaled=range(channels))]
        if channels > 1:
            mix = decorrelation(channels, size) if level == first else (torch.zeros(size, size), torch.zeros(size, size))
            operations.append(Lu(*mix))
        for place in (3, 2, 1):
            operations += detail(place * channels, channels, config, halves=level < 2 and place == 1, **learned)
    return operations + [Squeeze(), Lu(*haar(channels)), Norm(4 * channels, -4.5), Factor(4 * channels, config.gaussian)]


class RealNvp(nn.Module):
    """Dequantization, then the program."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        variational = config.dequantization == "variational"
        self.noise = dequantize.Variational(config) if variational else dequantize.Uniform()
        autoregressive = config.coupling == "autoregressive"
        self.program = Program(raster(config.channels, config) if autoregressive else levels(config, 0))

    def forward(self, patches):
        """Patches (B, C, H, W) of samples minus 128 -> the bits of each, by term."""
        noise, drawn = self.noise(patches)
        return {**self.program(patches + noise), "dequantization": drawn}

    def text(self, networks):
        """The lines of a model file; appends the networks in their order to `networks`."""
        lines = self.program.text(networks)
        first = len(networks)
        networks += self.noise.networks
        return [programs.line(*self.noise.words(first)), *lines]

    @property
    def networks(self):
        return self.program.networks + self.noise.networks
