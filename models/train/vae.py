"""The variational autoencoder: one or two levels of latents, each drawn from its posterior and coded with its prior.

In the order of Bit-Swap (Kingma et al. 2019): latents z1 of blocks of 2 x 2 pixels are drawn given the samples x; the samples
are coded given z1, place by place in the block, each given the places before it (PixelVAE, Gulrajani et al. 2016); latents z2
are drawn given z1; z1 is coded given z2, and z2 with a flow (the coarse levels of realnvp.py), with an autoregressive
one, or, each channel on its own, under the base distribution or a mixture. The means of posteriors and the predictions of
samples have a linear part in full precision, which starts as the mean of a block. Posteriors may have an inverse
autoregressive flow on top (Kingma et al. 2016): each latent is changed given those drawn before it.
"""

import torch
from torch import nn

import realnvp
from programs import RASTER, Couple, Draw, Factor, FactorMixture, Lu, Norm, Observe, Program, Squeeze, Uncouple

POSTERIOR_TAPS = 4


class Refine(Couple):
    """A coupling that begins as one that leaves things as they are."""

    start = 0.0


def latents(count, channels, config):
    """Draws latents of blocks; the pixels of a block are the channels of a squeezed patch."""
    size = count + 4 * channels
    below, mean = torch.zeros(size, size), torch.zeros(size, size)
    for c in range(channels):
        mean[c, count + c :: channels] = 0.25
    known = range(count, size)
    learned = channels != config.channels
    posterior = [Uncouple(range(count), known, config.noise_hidden, POSTERIOR_TAPS, learned=learned)]
    if config.posterior == "iaf":
        around = {"parity": RASTER, "half": range(count), "learned": True}
        posterior.append(Refine(range(count), known, config.noise_hidden, POSTERIOR_TAPS, **around))
    # Samples must not change.
    return [Squeeze(), Draw(count, config.gaussian), *posterior, Lu(below, mean, rows=count)]


def observed(count, config):
    """Codes the samples of a block given its latents, from the last pixel to the first."""
    rest = config.channels, config.hidden, config.taps, config.components
    return [Observe(count, place, *rest) for place in (3, 2, 1, 0)]


def coded(count, channels, config):
    """Codes a level of latents given the next one, whose channels are in front: pixel by pixel, minus the block's mean."""
    size = count + 4 * channels
    below = torch.zeros(size, size)
    for place in range(4):
        for c in range(channels):
            below[count + place * channels + c, c] = -1
    operations = [Lu(below, torch.zeros(size, size))]
    for place in (3, 2, 1, 0):
        operations += realnvp.detail(count + place * channels, channels, config, learned=True)
    return operations


def prior(count, config):
    """Codes the coarsest latents."""
    if config.prior in ("standard", "mixture"):
        return [Norm(count, -4.5), Factor(count, config.gaussian) if config.prior == "standard" else FactorMixture(count)]
    if config.prior == "autoregressive":
        return realnvp.raster(count, config, learned=True)
    return realnvp.levels(config, len(config.latents), learned=True)


class Vae(nn.Module):
    """Samples -> bits, by the terms of the bound."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        operations, count, channels = [], config.latents[0], config.channels
        operations += [*latents(count, channels, config), *observed(count, config)]
        for coarser in config.latents[1:]:
            operations += [*latents(coarser, count, config), *coded(coarser, count, config)]
            count = coarser
        self.program = Program(operations + prior(count, config))

    def forward(self, patches):
        """Patches (B, C, H, W) of samples minus 128 -> the bits of each, by term."""
        return self.program(patches)

    def text(self, networks):
        """The lines of a model file; appends the networks in their order to `networks`."""
        return ["dequantize none", *self.program.text(networks)]

    @property
    def networks(self):
        return self.program.networks
