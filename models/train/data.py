"""Photographs as training data.

    python data.py pack IMAGES_FOLDER photographs.npz

packs every image of a folder (as 8-bit RGB) into one file: `samples`, all pixels one after the other
(N, 3) uint8, and `sizes` (images, 2) as (height, width). Every 16th image, in the order of file names,
is held out of training; fixed crops of the held-out images are the validation set.
"""

import pathlib
import sys

import numpy as np
from PIL import Image

import lattices
from model import REACH

HOLD_OUT = 16
SUFFIXES = {".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm"}


def list_images(folder):
    """The image files of a folder, sorted by name."""
    return sorted(p for p in pathlib.Path(folder).iterdir() if p.suffix.lower() in SUFFIXES)


def read_image(path):
    """An image file as (H, W, 3) uint8."""
    return np.asarray(Image.open(path).convert("RGB"))


def pack(folder, output):
    """Writes all images of `folder` into one .npz file."""
    images = [read_image(path) for path in list_images(folder)]
    sizes = np.array([image.shape[:2] for image in images])
    samples = np.concatenate([image.reshape(-1, 3) for image in images])
    np.savez(output, samples=samples, sizes=sizes)
    print(f"{output}: {len(images)} images, {len(samples) / 1e6:.1f} MP")


def load(path):
    """A packed file as two lists of (H, W, 3) uint8 images: (training, held out)."""
    packed = np.load(path)
    samples, images, start = packed["samples"], [], 0
    for height, width in packed["sizes"]:
        images.append(samples[start : start + height * width].reshape(height, width, 3))
        start += height * width
    held_out = images[HOLD_OUT - 1 :: HOLD_OUT]
    training = [image for i, image in enumerate(images) if i % HOLD_OUT != HOLD_OUT - 1]
    return training, held_out


def to_grey(crops, rng):
    """(B, 3, H, W) -> (B, 1, H, W): BT.601 luma for half of the crops, one of the planes for the others."""
    luma = np.rint(np.tensordot(crops.astype(np.float32), [0.299, 0.587, 0.114], axes=(1, 0)))
    plane = crops[np.arange(len(crops)), rng.integers(0, 3, len(crops))]
    use_luma = rng.random(len(crops)) < 0.5
    return np.where(use_luma[:, None, None], luma, plane).astype(np.uint8)[:, None]


def add_tile_borders(crops, rng, share):
    """Replaces, in a share of the crops, what lies above, left or right by what a tile's border shows.

    The same padding as in the codec: 128 above the tile; left of a row the first sample of the row
    above; right of a row its last sample.
    """
    top, left, right = (rng.random((3, len(crops))) < share)
    crops[top, :, :REACH] = 128
    first = crops[left, :, REACH - 1 : -1, REACH].copy()
    crops[left, :, REACH:, :REACH] = first[..., None]
    crops[right, :, :, -REACH:] = crops[right, :, :, -REACH - 1, None]
    return crops


def sample_crops(images, count, side, planes, rng):
    """Random crops with their causal surroundings: (count, C, side + REACH, side + 2 REACH) uint8.

    `planes` names what the samples are: "rgb", "luma-chroma" or "grey".
    Images are drawn in proportion to their pixels; crops are flipped and transposed at random.
    """
    areas = np.array([image.shape[0] * image.shape[1] for image in images], dtype=np.float64)
    extent = side + 2 * REACH
    crops = np.empty((count, extent, extent, 3), np.uint8)
    for crop, which in zip(crops, rng.choice(len(images), count, p=areas / areas.sum())):
        image = images[which]
        y = rng.integers(0, image.shape[0] - extent + 1)
        x = rng.integers(0, image.shape[1] - extent + 1)
        window = image[y : y + extent, x : x + extent]
        window = window[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
        crop[:] = window.transpose(1, 0, 2) if rng.random() < 0.5 else window
    crops = np.ascontiguousarray(crops[:, :-REACH].transpose(0, 3, 1, 2))
    if planes == "grey":
        crops = to_grey(crops, rng)
    elif planes == "luma-chroma":
        crops = lattices.to_luma_chroma(crops, rng)
    return add_tile_borders(crops, rng, share=1 / 32)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] != "pack":
        sys.exit(__doc__)
    pack(sys.argv[2], sys.argv[3])
