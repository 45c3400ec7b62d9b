"""Peak memory of ansel on a large photograph.

    python tests/bench/memory.py [--megapixels 24] [--ansel target/release/ansel]

Repeats tests/images/kodim23.png to a 3:2 image of that size, with a little seeded noise so that no two repetitions
are alike, and prints time and peak memory of compressing and decompressing it with all threads. Needs the packages
of requirements.txt, and Linux.
"""

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from compare import call


def large_image(megapixels: float) -> np.ndarray:
    """A photograph of about so many megapixels, (height, width, 3) uint8."""
    tile = np.asarray(Image.open(Path(__file__).parent.parent / "images" / "kodim23.png"))
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    width = round(1.5 * height)
    times = (math.ceil(height / tile.shape[0]), math.ceil(width / tile.shape[1]), 1)
    image = np.tile(tile, times)[:height, :width]
    noise = np.random.default_rng(1).integers(-2, 3, image.shape, np.int16)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--ansel", default="target/release/ansel")
    options = parser.parse_args()
    ansel = str(Path(options.ansel).resolve())
    with tempfile.TemporaryDirectory() as folder:
        source, packed, decoded = (str(Path(folder, name)) for name in ("a.png", "a.ansel", "b.png"))
        image = large_image(options.megapixels)
        Image.fromarray(image).save(source, compress_level=1)
        print(f"{image.shape[1]} x {image.shape[0]} pixels")
        del image
        for command in (["compress", source, "-o", packed], ["decompress", packed, "-o", decoded]):
            started = time.monotonic()
            seconds, peak = call([ansel, *command, "--quiet"])
            wall = time.monotonic() - started
            print(f"{command[0]}: {peak / 1e6:.0f} MB, {wall:.1f} s ({seconds:.1f} s of CPU time)")


if __name__ == "__main__":
    main()
