"""The flow: an image level by level, each pixel given pixels on all sides of it.

A level takes a lattice of pixels apart (the squeeze of RealNVP, Dinh et al. 2017, as a checkerboard of its own): the
pixels at even rows and columns go on to the next, coarser level; the others are factored out in three phases. From the
coarsest level on, a phase is one coupling layer with integer translations (Hoogeboom et al. 2019), `y = x - t`, where t
is interpolated from pixels that are known by then, and a network of these pixels gives the mixture that y is coded
under. The same three networks serve all levels. All shapes are given as (pixels, ...); C channels.
"""

import torch
from torch import nn

import model
from model import Network, Pixels, rows_of_pixels, rows_of_planes

REACH = 5  # rows and columns that a context reaches, in units of the level's lattice
LEVELS = 7  # of every tile
TRAINED_LEVELS = 4  # the coarser levels are, to the networks, like the last of these
LEVEL_UNIT = 64  # what a level adds to the context entry that names it
PLACES = [(1, 1), (0, 1), (1, 0)]  # (row, column) modulo 2 of each phase's pixels
KNOWN = [  # whether the pixel at (rows down, columns to the right) of one of a phase is known before the phase
    lambda down, right: down % 2 == 1 and right % 2 == 1,
    lambda down, right: (down + right) % 2 == 1,
    lambda down, right: down % 2 == 1 or right % 2 == 1,
]
TAPS = [16, 24, 40]
SHARES = [3 / 4, 3 / 16, 3 / 64, 1 / 64]  # of a large image's pixels, by trained level


def taps(phase):
    """The nearest known pixels, as (rows down, columns to the right): by distance, then from the top left. The first
    four are those that the translation is interpolated from."""
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
    level, and whether a pixel is inside of the tile: it is if there are no borders.

    Contexts: the taps, channels interleaved, each relative to its channel's translation; each translation - 128; the
    level.
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
        """The pixel at a place, or, outside of the tile, the first of its mirror images that is inside; if there is
        none, the pixel of the coarser lattice above, to the left or both, which is always inside."""
        if not borders:
            return at(samples, down, right)
        value = at(samples, -PLACES[phase][0], -PLACES[phase][1])
        for place in [(-down, -right), (down, -right), (-down, right), (down, right)]:
            value = torch.where(at(inside, *place), at(samples, *place), value)
        return value

    values = [tap(*place) for place in places]
    translation = torch.floor((sum(values[:4]) + 2) / 4)
    features = [value - translation for value in values]
    features += [translation - 128, at(level, 0, 0) * LEVEL_UNIT]
    contexts = rows_of_pixels(torch.cat(features, 1))
    here = rows_of_planes(at(samples, 0, 0))
    steps = torch.ones_like(here[0])
    matches = torch.zeros(config.channels, 0, here.shape[1], dtype=torch.bool, device=crops.device)
    shifts, signs = torch.zeros_like(here[0]), torch.ones_like(here[0])
    return Pixels(contexts, rows_of_planes(translation), here, steps, matches, shifts, signs)
