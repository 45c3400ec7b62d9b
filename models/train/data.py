"""Images as training data.

    python data.py IMAGES_FOLDER images.npz [--megapixels N] [--digests photographs.sha256]

packs every image of a folder (as 8-bit RGB) into one file: `samples`, all pixels one after the other
(N, 3) uint8, and `sizes` (images, 2) as (height, width). With --megapixels, larger sets are cut to an equal share of
every image, so that the file has about three times as many megabytes. Every 16th image, in the order of file names,
is held out of training; fixed crops of the held-out images are the validation set. With --digests, the images must
match a list: each line has the SHA-256 of the pixels as (H, W, 3) uint8, and the name of the file without its extension.
"""

import argparse
import hashlib
import pathlib

import numpy as np
from PIL import Image

import augment
import flow
import lattices
import repeats
from repeats import REACH

HOLD_OUT = 16
SUFFIXES = {".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm"}


def list_images(folder):
    """The image files of a folder, sorted by name."""
    return sorted(p for p in pathlib.Path(folder).iterdir() if p.suffix.lower() in SUFFIXES)


def read_image(path):
    """An image file as (H, W, 3) uint8."""
    return np.asarray(Image.open(path).convert("RGB"))


def check(folder, digests):
    """Exits with a message unless a folder has the images in a list of digests."""
    found = {path.stem: hashlib.sha256(read_image(path).tobytes()).hexdigest() for path in list_images(folder)}
    wanted = {name: digest for digest, name in (line.split(maxsplit=1) for line in pathlib.Path(digests).read_text().splitlines())}
    if different := sorted(name for name in found | wanted if found.get(name) != wanted.get(name)):
        raise SystemExit(f"{len(different)} images differ from {digests}, the first of them {different[0]}")


def middle(image, share):
    """The middle of an image, with this share of its pixels."""
    keep = [round(length * min(1, share) ** 0.5) for length in image.shape[:2]]
    y, x = ((length - side) // 2 for length, side in zip(image.shape, keep))
    return image[y : y + keep[0], x : x + keep[1]]


def pack(folder, output, megapixels):
    """Writes all images of `folder`, or the middles of all of them, into one .npz file."""
    images = [read_image(path) for path in list_images(folder)]
    share = megapixels * 1e6 / sum(image[..., 0].size for image in images)
    images = [middle(image, share) for image in images]
    sizes = np.array([image.shape[:2] for image in images])
    samples = np.concatenate([image.reshape(-1, 3) for image in images])
    np.savez(output, samples=samples, sizes=sizes)
    print(f"{output}: {len(images)} images, {len(samples) / 1e6:.1f} MP")


def load(path, config):
    """A packed file as two lists (training, held out) of images (H, W, 3) uint8; for contexts of repeats, of the arrays
    that `with_repeats` returns."""
    packed = np.load(path)
    samples, images, start = packed["samples"], [], 0
    for height, width in packed["sizes"]:
        images.append(samples[start : start + height * width].reshape(height, width, 3))
        start += height * width
    if config.context == "repeats":
        images = [with_repeats(*reduce_image(image, config.planes)) for image in images]
    held_out = images[HOLD_OUT - 1 :: HOLD_OUT]
    training = [image for i, image in enumerate(images) if i % HOLD_OUT != HOLD_OUT - 1]
    return training, held_out


def reduce_image(image, planes):
    """(H, W, 3) -> (H, W, C) uint8, and its step. For one plane with few colours: indices into the sorted palette."""
    if planes == "rgb":
        return image, 1
    packed = image.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1])
    colours, index = np.unique(packed, return_inverse=True)
    if len(colours) > 256:
        return np.rint(image @ np.array(lattices.BT601)).astype(np.uint8)[..., None], 1
    parts = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1)
    rank = np.empty(len(colours), np.int64)
    rank[np.lexsort((colours, parts @ np.array([2, 5, 1])))] = np.arange(len(colours))
    step = 256 >> max(1, int(len(colours) - 1).bit_length())
    return (rank[index].reshape(image.shape[:2]) * step).astype(np.uint8)[..., None], step


def pad(tile):
    """A tile (H, W, C) with the border of the codec, (H + REACH, W + 2 REACH, C): 128 above the tile; left of a row
    the first sample of the row above; right of a row its last sample."""
    padded = np.full((tile.shape[0] + REACH, tile.shape[1] + 2 * REACH, tile.shape[2]), 128, np.uint8)
    padded[REACH:, REACH:-REACH] = tile
    padded[REACH + 1 :, :REACH] = tile[:-1, :1]
    padded[REACH:, -REACH:] = tile[:, -1:]
    return padded


def with_repeats(tile, step=1):
    """A tile (H, W, C) as (H + REACH, W + 2 REACH, planes) uint8: the samples, `repeats.extras`, the step."""
    padded = pad(tile)
    steps = np.full((*padded.shape[:2], 1), step, np.uint8)
    return np.concatenate([padded, repeats.extras(padded, 256 - step), steps], 2)


def to_grey(crops, rng):
    """(B, 3, H, W) -> (B, 1, H, W): BT.601 luma for half of the crops, one of the planes for the others."""
    luma = np.rint(np.tensordot(crops.astype(np.float32), [0.299, 0.587, 0.114], axes=(1, 0)))
    plane = crops[np.arange(len(crops)), rng.integers(0, 3, len(crops))]
    use_luma = rng.random(len(crops)) < 0.5
    return np.where(use_luma[:, None, None], luma, plane).astype(np.uint8)[:, None]


def add_tile_borders(crops, rng, share):
    """In a share of the crops, replaces the surroundings above, left or right by the border of a tile.

    The same padding as in the codec: 128 above the tile; left of a row the first sample of the row
    above; right of a row its last sample.
    """
    top, left, right = (rng.random((3, len(crops))) < share)
    crops[top, :, :REACH] = 128
    first = crops[left, :, REACH - 1 : -1, REACH].copy()
    crops[left, :, REACH:, :REACH] = first[..., None]
    crops[right, :, :, -REACH:] = crops[right, :, :, -REACH - 1, None]
    return crops


def sample_crops(images, count, side, config, rng):
    """Random crops with their causal surroundings: (count, planes, side + REACH, side + 2 REACH) uint8."""
    if config.context == "repeats":
        return sample_padded(images, count, side, rng)
    if config.context == "levels":
        return sample_levels(images, count, side, config, rng)
    return of_planes(sample_photographs(images, count, side, config.augment, rng), config, rng)


def of_planes(crops, config, rng):
    """Crops (B, 3, H, W) as crops of the configuration's planes, some of them with the borders of a tile."""
    if config.planes == "grey":
        crops = to_grey(crops, rng)
    elif config.planes == "luma-chroma":
        crops = lattices.to_luma_chroma(crops, rng)
    return add_tile_borders(crops, rng, share=1 / 32)


def drawn(images, count, rng):
    """`count` images, drawn in proportion to their pixels."""
    areas = np.array([image.shape[0] * image.shape[1] for image in images], dtype=np.float64)
    return [images[which] for which in rng.choice(len(images), count, p=areas / areas.sum())]


def cut(image, extent, rng):
    """A random window (extent, extent, 3) of an image, flipped and transposed at random."""
    y, x = (rng.integers(0, length - extent + 1) for length in image.shape[:2])
    window = image[y : y + extent, x : x + extent]
    window = window[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return window.transpose(1, 0, 2) if rng.random() < 0.5 else window


def sample_photographs(images, count, side, share, rng, names=tuple(augment.CHANGES)):
    """Random crops (count, 3, side + REACH, side + 2 REACH), a share of them after one of the named changes."""
    extent = side + 2 * REACH
    return causal([photograph(image, extent, share, rng, names) for image in drawn(images, count, rng)])


def causal(windows):
    """Windows, each (H + REACH, W, 3), as crops without the rows below: (B, 3, H, W)."""
    return np.ascontiguousarray(np.stack(windows)[:, :-REACH].transpose(0, 3, 1, 2))


def photograph(image, extent, share, rng, names=tuple(augment.CHANGES)):
    """A random window (extent, extent, 3), with probability `share` after one of the named changes."""
    if rng.random() >= share:
        return cut(image, extent, rng)
    window = cut(image, augment.LARGEST_SHRINK * extent, rng).transpose(2, 0, 1)
    name = names[rng.integers(0, len(names))]
    return augment.changed(window, name, extent, rng).transpose(1, 2, 0)


def sample_levels(images, count, side, config, rng):
    """Random crops (count, C + 2, side + 2 REACH, side + 2 REACH) of the lattices of the flow's levels, in
    proportion to their pixels: C channels, the level, and whether a pixel is inside the tile."""
    extent = side + 2 * flow.REACH
    crops = np.empty((count, extent, extent, 3), np.uint8)
    levels = np.searchsorted(np.cumsum(flow.SHARES[:-1]), (np.arange(count) + rng.random()) / count)
    for crop, image, level in zip(crops, drawn(images, count, rng), levels):
        window = extent << level
        share = config.augment if augment.LARGEST_SHRINK * window <= min(image.shape[:2]) else 0
        crop[:] = photograph(image, window, share, rng)[:: 1 << level, :: 1 << level]
    crops = crops.transpose(0, 3, 1, 2)
    if config.planes == "grey":
        crops = to_grey(crops, rng)
    inside = np.ones((count, 1, extent, extent), np.uint8)
    if rng.random() < 1 / 8:  # rarely, but then in many crops, since borders take time
        for edge in range(4):
            cut_off = np.rot90(inside, edge, (2, 3))
            cut_off[rng.random(count) < 1 / 4, :, : flow.REACH] = 0
    named = np.broadcast_to(levels[:, None, None, None], inside.shape).astype(np.uint8)
    return np.concatenate([crops, named, inside], 1)


FLAT_TRIES = 4


def sample_padded(images, count, side, rng):
    """Random crops of tiles with their borders; crops with all samples equal are drawn again a few times."""
    crops = np.empty((count, side + REACH, side + 2 * REACH, images[0].shape[2]), np.uint8)
    for crop, image in zip(crops, drawn(images, count, rng)):
        for _ in range(FLAT_TRIES):
            y = rng.integers(0, image.shape[0] - crop.shape[0] + 1)
            x = rng.integers(0, image.shape[1] - crop.shape[1] + 1)
            crop[:] = image[y : y + crop.shape[0], x : x + crop.shape[1]]
            inside = crop[REACH:, REACH:-REACH, 0]
            if (inside != inside[0, 0]).any():
                break
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("output")
    parser.add_argument("--megapixels", type=float, default=float("inf"), help="keep about this many")
    parser.add_argument("--digests", help="list of the images that the folder has to have")
    options = parser.parse_args()
    if options.digests:
        check(options.folder, options.digests)
    pack(options.folder, options.output, options.megapixels)
