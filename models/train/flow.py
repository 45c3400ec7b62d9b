"""The flow: codes an image level by level, each pixel given pixels on all sides of it.

A level splits a lattice of pixels (a variant of the squeeze of RealNVP, Dinh et al. 2017): the pixels in even rows and
columns pass on to the next, coarser level; the others are factored out in three phases. Coding starts at the coarsest
level. A phase is a coupling layer with integer translations (Hoogeboom et al. 2019), `y = x - t`, where t is interpolated
from pixels that are known by then; from the same pixels, a network predicts the mixture under which y is coded. The same
three networks serve all levels. All shapes are given as (pixels, ...); C channels.
"""

import torch
from torch import nn

import model
from model import Network, Pixels, as_byte, rows_of_pixels, rows_of_planes

REACH = 5  # rows and columns that a context reaches, in units of the level's lattice
LEVELS = 7  # levels of every tile
TRAINED_LEVELS = 4  # to the networks, coarser levels look like the last of these
LEVEL_UNIT = 32  # step between levels in their context entry
PLACES = [(1, 1), (0, 1), (1, 0)]  # (row, column) modulo 2 of each phase's pixels
KNOWN = [  # whether the pixel at an offset (down, right) is known before the phase
    lambda down, right: down % 2 == 1 and right % 2 == 1,
    lambda down, right: (down + right) % 2 == 1,
    lambda down, right: down % 2 == 1 or right % 2 == 1,
]
TAPS = [16, 24, 40]
SHARES = [3 / 4, 3 / 16, 3 / 64, 1 / 64]  # share of a large image's pixels, by trained level


def taps(phase):
    """The offsets (down, right) of the nearest known pixels, by distance; ties from the top left. The translation is
    interpolated from the first four."""
    reach = range(-REACH, REACH + 1)
    known = [(down, right) for down in reach for right in reach if KNOWN[phase](down, right)]
    return sorted(known, key=lambda place: (place[0] ** 2 + place[1] ** 2, place))[: TAPS[phase]]


def context_size(phase, channels):
    return (TAPS[phase] + 1) * channels + 1


class Flow(nn.Module):
    """One network per phase."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.phases = nn.ModuleList(Network(config, context_size(phase, config.channels)) for phase in range(3))

    @property
    def networks(self):
        return self.phases


def pixels_of(crops, config, borders=True):
    """The pixels of each phase of crops (B, planes, H + 2 REACH, W + 2 REACH), whose planes are the C channels, the
    level, and whether a pixel is inside the tile (always true without borders).

    Contexts: the taps, channels interleaved, minus their channel's translation, clamped to bytes; each translation - 128;
    the level.
    """
    return [phase_pixels(crops.float(), config, phase, borders) for phase in range(3)]


def phase_pixels(crops, config, phase, borders):
    top, left = (REACH + place for place in PLACES[phase])
    height, width = crops.shape[2] - REACH - top, crops.shape[3] - REACH - left
    at = lambda planes, down, right: planes[
        :, :, top + down : top + down + height : 2, left + right : left + right + width : 2
    ]
    samples, level, inside = crops[:, : config.channels], crops[:, -2:-1], crops[:, -1:] > 0
    places = taps(phase)

    def tap(down, right):
        """The pixel at an offset, or, outside the tile, the first of its mirror images that is inside; if there is none,
        the pixel of the coarser lattice above, to the left or both, which is always inside."""
        if not borders:
            return at(samples, down, right)
        value = at(samples, -PLACES[phase][0], -PLACES[phase][1])
        for place in [(-down, -right), (down, -right), (-down, right), (down, right)]:
            value = torch.where(at(inside, *place), at(samples, *place), value)
        return value

    values = [tap(*place) for place in places]
    translation = torch.floor((sum(values[:4]) + 2) / 4)
    features = [as_byte(value - translation) for value in values]
    features += [translation - 128, at(level, 0, 0) * LEVEL_UNIT]
    contexts = rows_of_pixels(torch.cat(features, 1))
    here = rows_of_planes(at(samples, 0, 0))
    steps = torch.ones_like(here[0])
    matches = torch.zeros(config.channels, 0, here.shape[1], dtype=torch.bool, device=crops.device)
    shifts, signs = torch.zeros_like(here[0]), torch.ones_like(here[0])
    return Pixels(contexts, rows_of_planes(translation), here, steps, matches, shifts, signs)
