"""RGB -> 8-bit luma-chroma planes, in the conversions that src/transforms/lattice.rs recognises.

A lattice is (weights of R, G, B in the luma; luma and chroma gains; luma and chroma offsets): with
L = weights . RGB, the planes are Y = L * luma_gain + luma_offset and, for each chroma plane,
C = (B - L or R - L) * chroma_gain + chroma_offset, rounded. The first chroma plane is of B, the second of R.
"""

import numpy as np

BT601, BT709 = (0.299, 0.587, 0.114), (0.2126, 0.7152, 0.0722)
PHOTO_CD = (0.5090 / 1.7030, 1 / 1.7030, 0.1940 / 1.7030)


def full_range(weights):
    gains = 1, (0.5 / (1 - weights[2]), 0.5 / (1 - weights[0]))
    return weights, *gains, 0, (128, 128)


def studio_range(weights):
    gains = 219 / 255, (112 / 255 / (1 - weights[2]), 112 / 255 / (1 - weights[0]))
    return weights, *gains, 16, (128, 128)


PHOTO_CD_LATTICE = (PHOTO_CD, 1 / 1.3584, (1 / 2.2179, 1 / 1.8215), 0, (156, 137))
# (lattice, share of the training crops)
LATTICES = [
    (PHOTO_CD_LATTICE, 0.5),
    (full_range(BT601), 0.2),
    (studio_range(BT601), 0.1),
    (studio_range(BT709), 0.1),
    (full_range(BT709), 0.1),
]


def convert(samples, lattice):
    """(3, H, W) RGB -> (3, H, W) uint8 luma and chroma planes."""
    weights, luma_gain, chroma_gains, luma_offset, chroma_offsets = lattice
    samples = samples.astype(np.float32)
    luma = np.tensordot(np.float32(weights), samples, axes=1)
    planes = [luma * luma_gain + luma_offset]
    for plane, gain, offset in zip(samples[[2, 0]], chroma_gains, chroma_offsets):
        planes.append((plane - luma) * gain + offset)
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)


def halve_chroma(planes):
    """Chroma at half the resolution, as most files in these colour spaces store it, and interpolated back."""
    chroma = planes[1:].astype(np.float32)
    height, width = chroma.shape[1] // 2 * 2, chroma.shape[2] // 2 * 2
    small = chroma[:, :height, :width].reshape(2, height // 2, 2, width // 2, 2).mean((2, 4)).round()
    for axis in 1, 2:  # the triangle filter of libjpeg: 3/4 of the nearer sample, 1/4 of the farther one
        before = np.concatenate([small.take([0], axis), small.take(range(small.shape[axis] - 1), axis)], axis)
        after = np.concatenate([small.take(range(1, small.shape[axis]), axis), small.take([-1], axis)], axis)
        pair = np.stack([3 * small + before, 3 * small + after], axis + 1) / 4
        shape = list(small.shape)
        shape[axis] *= 2
        small = pair.reshape(shape)
    result = planes.copy()
    result[1:, :height, :width] = np.rint(small)
    return result


def to_luma_chroma(crops, rng):
    """(B, 3, H, W) RGB -> (B, 3, H, W) planes of a random lattice; a fifth of the crops with halved chroma."""
    shares = np.array([share for _, share in LATTICES])
    which = rng.choice(len(LATTICES), len(crops), p=shares / shares.sum())
    halved = rng.random(len(crops)) < 0.2
    planes = np.empty_like(crops)
    for index, (crop, lattice, halve) in enumerate(zip(crops, which, halved)):
        planes[index] = convert(crop, LATTICES[lattice][0])
        if halve:
            planes[index] = halve_chroma(planes[index])
    return planes
