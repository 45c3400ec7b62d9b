"""Predicts the size of images under an exported model, and optionally compares it with the codec's files.

    python evaluate.py ../colour-DIGEST.onnx IMAGES_FOLDER [--luma-chroma] [--ansel ../../target/release/ansel]

Reads the integer weights from the ONNX file and evaluates them in integer arithmetic; the mixture is the
trainer's, in floating point. Images are divided into tiles and padded as in the codec. With --ansel, every
image is also compressed, and predicted and actual bytes are printed side by side.
"""

import argparse
import math
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import torch
from onnx import numpy_helper

import data
import export
import flow
import lattices
import model

TILE_SIDE, GRAPHICS_TILE_SIDE = 512, 2048
PIXELS_AT_ONCE = 1 << 16


def read_networks(path):
    """The integer layers of an exported model's networks, and the part of its configuration that the mixture needs."""
    graph = onnx.load(path)
    metadata = {entry.key: entry.value for entry in graph.metadata_props}
    tensors = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in graph.graph.initializer}
    is_flow = metadata["ansel.context"] == "levels"
    networks = []
    for prefix in [f"phase{phase}." for phase in range(3)] if is_flow else [""]:
        layers = []
        while f"{prefix}weight_{len(layers)}" in tensors:
            weight, bias, scale = (tensors[f"{prefix}{name}_{len(layers)}"] for name in ("weight", "bias", "scale"))
            layers.append(tuple(a.astype(np.int64) for a in (weight, bias[0], -np.log2(scale[0]))))
        networks.append(layers)
    channels, components = int(metadata["ansel.channels"]), int(metadata["ansel.components"])
    config = model.Config(
        name=metadata["ansel.name"], context=metadata["ansel.context"], planes="", channels=channels, components=components, hidden=(),
        crop=0, batch=0, steps=0, learning_rate=0, adam_rate=0, weight_decay=0, average=0, seed=0,
    )  # fmt: skip
    return networks, config


def tiles(image, largest):
    """Divides an image evenly into tiles with sides of at most `largest` pixels."""
    spans = []
    for length in image.shape[:2]:
        side = math.ceil(length / math.ceil(length / largest))
        spans.append([slice(start, start + side) for start in range(0, length, side)])
    return [image[rows, columns] for rows in spans[0] for columns in spans[1]]


def crop_bits(layers, config, crops):
    """The code length, in bits, of crops with their surroundings (B, planes, H + REACH, W + 2 REACH) uint8."""
    return pixel_bits(layers, config, model.pixels_of(torch.from_numpy(crops), config))


def raw_outputs(layers, config, contexts):
    """The outputs of a network of integer layers for contexts (pixels, inputs), as the mixture takes them."""
    outputs = export.evaluate_integers(layers, config.grid, contexts.numpy())
    return torch.from_numpy((outputs * 2.0**-model.OUTPUT_FRACTION / np.exp2(export.output_gains(config))).T)


def pixel_bits(layers, config, pixels):
    """The code length of pixels under one network, in bits."""
    total = 0.0
    for start in range(0, len(pixels.contexts), PIXELS_AT_ONCE):
        part = slice(start, start + PIXELS_AT_ONCE)
        raw = raw_outputs(layers, config, pixels.contexts[part])
        planes = model.Pixels(None, *(array[..., part] for array in pixels[1:]))
        total += model.code_length(raw, planes, config).sum().item()
    return total


def level_pixels(config, tile, level):
    """The pixels of each phase of a level of a tile (H, W, C)."""
    lattice = tile[:: 1 << level, :: 1 << level]
    named = np.full((*lattice.shape[:2], 1), min(level, flow.TRAINED_LEVELS - 1), np.uint8)
    planes = np.concatenate([lattice, named, np.ones_like(named)], 2)
    padded = np.pad(planes, ((flow.REACH, flow.REACH), (flow.REACH, flow.REACH), (0, 0)))
    return flow.pixels_of(torch.from_numpy(padded.transpose(2, 0, 1)[None].copy()), config)


def flow_bits(networks, config, tile):
    """The code length of a tile (H, W, C) under a flow in bits, without the coarsest lattice."""
    total = 0.0
    for level in range(flow.LEVELS):
        for layers, pixels in zip(networks, level_pixels(config, tile, level)):
            total += pixel_bits(layers, config, pixels)
    return total


def predicted_bits(networks, config, image):
    """The code length of an image (H, W, C), in bits."""
    if config.context == "levels":
        return sum(flow_bits(networks, config, tile) for tile in tiles(image, TILE_SIDE))
    (layers,) = networks
    total = 0.0
    for tile in tiles(image, GRAPHICS_TILE_SIDE if config.pinned else TILE_SIDE):
        padded = data.with_repeats(tile) if config.pinned else data.pad(tile)
        total += crop_bits(layers, config, padded.transpose(2, 0, 1)[None].copy())
    return total


def compressed_bytes(ansel, model_file, image):
    """The size of the file that the codec makes from an image, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "image.ppm"), pathlib.Path(folder, "image.ansel")
        magic = b"P6" if image.shape[2] == 3 else b"P5"
        source.write_bytes(magic + b"\n%d %d\n255\n" % (image.shape[1], image.shape[0]) + image.tobytes())
        command = [ansel, "compress", source, "-o", target, "--quiet", "--effort", "low", "--model", model_file]
        subprocess.run(command, check=True)
        return target.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("images")
    parser.add_argument("--luma-chroma", action="store_true", help="code the images' planes in PhotoCD's conversion")
    parser.add_argument("--ansel", help="the program, to compare with its files")
    options = parser.parse_args()
    networks, config = read_networks(options.model)
    samples = predicted = actual = 0
    for path in data.list_images(options.images):
        image = data.read_image(path)
        if options.luma_chroma:
            image = lattices.convert(image.transpose(2, 0, 1), lattices.PHOTO_CD_LATTICE).transpose(1, 2, 0)
        if config.channels == 1:
            image = image[:, :, 1:2]  # the green plane stands for a grey image
        bits = predicted_bits(networks, config, image)
        line = f"{path.name}  predicted {bits / image.size:.4f} bpsp"
        samples, predicted = samples + image.size, predicted + bits
        if options.ansel:
            size = compressed_bytes(options.ansel, options.model, image)
            actual += 8 * size
            line += f"  actual {8 * size / image.size:.4f}  ({100 * (8 * size / bits - 1):+.3f} %)"
        print(line, flush=True)
    line = f"all  predicted {predicted / samples:.4f} bpsp"
    print(line + (f"  actual {actual / samples:.4f}  ({100 * (actual / predicted - 1):+.3f} %)" if actual else ""))


if __name__ == "__main__":
    main()
