"""Photographs made unlike themselves, so that networks also know noise, stretched contrast and upscaled images."""

import numpy as np


def noise(crop, rng):
    """Gaussian noise of a standard deviation of 1 to 30, a part of it common to the channels."""
    deviation, common = 30 ** rng.random(), rng.random()
    own = rng.standard_normal(crop.shape) * np.sqrt(1 - common)
    return crop + deviation * (own + rng.standard_normal((1, *crop.shape[1:])) * np.sqrt(common))


def contrast(crop, rng):
    """Contrast halved to tripled around a random grey."""
    pivot = rng.integers(0, 256)
    return (crop - pivot) * 2 ** rng.uniform(-1, 1.6) + pivot


def shuffle(crop, rng):
    """The channels in another order."""
    return crop[rng.permutation(len(crop))]


def enlarge(crop, rng):
    """Twice the size, by the nearest or the linear filter."""
    height, width = crop.shape[1:]
    large = crop[:, : height // 2 + 1, : width // 2 + 1].repeat(2, 1).repeat(2, 2)
    if rng.random() < 0.7:
        large = (large[:, :-1] + large[:, 1:]) / 2
        large = (large[:, :, :-1] + large[:, :, 1:]) / 2
    return large[:, :height, :width]


def augmented(crops, share, rng):
    """(B, 3, H, W) uint8: a share of the crops each with one of these changes, or noise after one."""
    for index in np.flatnonzero(rng.random(len(crops)) < share):
        crop = crops[index].astype(np.float32)
        change = [noise, contrast, shuffle, enlarge][rng.integers(0, 4)]
        crop = change(crop, rng)
        if rng.random() < 0.25:
            crop = noise(crop, rng)
        crops[index] = np.clip(np.rint(crop), 0, 255)
    return crops
