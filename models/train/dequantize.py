"""Dequantization: a sample y becomes y + u, with u in 0 ... 1 drawn from q(u | y). The bits of u are gained (negative)."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import programs
from programs import Network, Shape, clamped, half_of

TAP_UNIT, NOISE_UNIT = 64, 256  # neighbours are seen in 64ths of a sample, the noise of the pixel itself in 256ths
MEAN_GAIN, SCALE_GAIN = 0.5, 2.0
LOG_SCALES = (-4.0, 3.0)  # log2, in samples
NEIGHBOURS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]


class Uniform(nn.Module):
    """Uniform u (Theis et al. 2016)."""

    networks = []

    def words(self, _):
        return "dequantize", "uniform"

    def forward(self, patches):
        return torch.rand_like(patches), torch.zeros(len(patches))


class Variational(nn.Module):
    """u from logistic distributions truncated to 0 ... 1, whose means and scales are outputs of networks (Flow++, Ho et al.
    2019): one half of a checkerboard after the other, and within it channel after channel, given y and earlier u."""

    def __init__(self, config):
        super().__init__()
        self.channels = config.channels
        inputs = (len(NEIGHBOURS) + 1) * self.channels
        shape = Shape(inputs, tuple(config.noise_hidden), (MEAN_GAIN, SCALE_GAIN))
        self.steps = nn.ModuleList(Network(shape, [0.0, 1.5]) for _ in range(2 * self.channels))

    @property
    def networks(self):
        return list(self.steps)

    def words(self, first):
        return "dequantize", "variational", first

    def forward(self, patches):
        """Samples (B, C, H, W) -> u, and log2 q(u | y) (B,)."""
        noise = list(torch.full_like(patches, 0.5).split(1, 1))
        bits = torch.zeros(len(patches))
        for index, network in enumerate(self.steps):
            parity, channel = divmod(index, self.channels)
            outputs = network(programs.seen(contexts, patches, torch.cat(noise, 1), parity))
            before = noise[channel]
            drawn, log_density = draw(*outputs.view(2, *half_of(before, parity).shape))
            bits = bits + log_density.flatten(1).sum(1)
            noise[channel] = programs.with_half(before, drawn, parity)
        return torch.cat(noise, 1), bits


@torch.compile(dynamic=False)
def contexts(patches, noise, parity):
    """The contexts (pixels, N) of the pixels of one parity: by neighbour, then by channel, the dequantized sample minus the
    middle of the pixel's cell; then the noise of the pixel itself, 1/2 where it is not drawn yet."""
    height, width = patches.shape[2:]
    padded = F.pad(patches + noise, (1, 1, 1, 1), mode="reflect")
    middle = half_of(patches + 0.5, parity)
    features = []
    for down, right in NEIGHBOURS:
        tap = padded[:, :, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
        features.append(clamped((half_of(tap, parity) - middle) * TAP_UNIT))
    features.append(clamped((half_of(noise, parity) - 0.5) * NOISE_UNIT))
    return torch.cat(features, 1).permute(0, 2, 3, 1).flatten(0, 2)


@torch.compile(dynamic=True)
def draw(mean, log_scale):
    """u from a logistic distribution around 1/2 + mean, truncated to 0 ... 1; and log2 of its density."""
    scale = torch.exp2(log_scale.clamp(*LOG_SCALES))
    mean = 0.5 + torch.maximum(torch.minimum(mean, 0.5 + 4 * scale), -0.5 - 4 * scale)
    first, last = torch.sigmoid(-mean / scale), torch.sigmoid((1 - mean) / scale)
    quantile = first + torch.rand_like(mean) * (last - first)
    z = torch.logit(quantile.clamp(1e-6, 1 - 1e-6))
    density = -programs.logistic_bits(z) - torch.log2(scale) - torch.log2(last - first)
    return (mean + scale * z).clamp(0, 1), density
