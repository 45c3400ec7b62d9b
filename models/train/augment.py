"""Changes to photographs, since users do not only have clean ones.

Each change takes a window (3, S, S) float32 in [0, 255] and a generator, and returns a window with the same channels
whose side is at least S / 3; values may leave the range, and need not be integers.
"""

import io

import numpy as np
from PIL import Image


def to_image(window):
    return Image.fromarray(np.clip(np.rint(window), 0, 255).astype(np.uint8).transpose(1, 2, 0))


def from_image(image):
    return np.asarray(image).transpose(2, 0, 1).astype(np.float32)


def noise(window, rng):
    """Gaussian noise with a standard deviation of 1 to 30, part of it common to all channels."""
    deviation, common = 30 ** rng.random(), rng.random()
    own = rng.standard_normal(window.shape) * np.sqrt(1 - common)
    return window + deviation * (own + rng.standard_normal((1, *window.shape[1:])) * np.sqrt(common))


def grain(window, rng):
    """Film grain as a scanner sees it: noise with a standard deviation of 1 to 12, correlated between neighbours."""
    field = rng.standard_normal((3, window.shape[1] + 2, window.shape[2] + 2))
    field[1:] = field[1:] * 0.7 + field[:1] * 0.7
    field = field[:, :-1] + rng.random() * field[:, 1:]
    field = field[:, :, :-1] + rng.random() * field[:, :, 1:]
    return window + 12 ** rng.random() * field[:, :-1, :-1] / field.std()


def resize(window, factor, rng, filters):
    side = max(1, round(window.shape[1] * factor))
    return from_image(to_image(window).resize((side, side), filters[rng.integers(0, len(filters))]))


def enlarge(window, rng):
    """Enlarged 1.2 to 3 times, with one of the usual filters."""
    part = window[:, : window.shape[1] // 2, : window.shape[2] // 2]
    kinds = [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS]
    return resize(part, rng.uniform(1.2, 3), rng, kinds)


def shrink(window, rng):
    """Shrunk to 0.34 to 0.9 times the size, with one of the usual filters."""
    kinds = [Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS]
    return resize(window, rng.uniform(0.34, 0.9), rng, kinds)


def jpeg(window, rng):
    """Compressed as JPEG, at a quality of 30 to 97, with chroma at full or half the resolution."""
    stream = io.BytesIO()
    to_image(window).save(stream, "JPEG", quality=int(rng.integers(30, 98)), subsampling=int(rng.choice([0, 2])))
    return from_image(Image.open(stream))


def grey(window, rng):
    """Three equal channels."""
    return np.repeat(np.tensordot(np.float32([[0.299, 0.587, 0.114]]), window, axes=1), 3, 0)


def dark(window, rng):
    """Underexposed by 1 to 5 stops."""
    return window * 2 ** -rng.uniform(1, 5)


def bright(window, rng):
    """Overexposed by up to 2 stops, and clipped."""
    return window * 2 ** rng.uniform(0.3, 2)


def contrast(window, rng):
    """Contrast multiplied by 1/2 to 3 around a random grey."""
    pivot = rng.integers(0, 256)
    return (window - pivot) * 2 ** rng.uniform(-1, 1.6) + pivot


def shuffle(window, rng):
    """The channels in another order."""
    return window[rng.permutation(len(window))]


CHANGES = {change.__name__: change for change in (noise, grain, enlarge, shrink, jpeg, grey, dark, bright, contrast, shuffle)}
LARGEST_SHRINK = 3  # side of a window, relative to the crops that are cut from it


def changed(window, name, extent, rng):
    """A crop (3, extent, extent) uint8 of a window (3, S, S) uint8 of S = LARGEST_SHRINK * extent, after one change."""
    result = CHANGES[name](window.astype(np.float32), rng)
    y, x = (rng.integers(0, side - extent + 1) for side in result.shape[1:])
    return np.clip(np.rint(result[:, y : y + extent, x : x + extent]), 0, 255).astype(np.uint8)
