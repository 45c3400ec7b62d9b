"""Peak memory of ansel on a large photograph.

    python tests/bench/memory.py [--megapixels 24] [--ansel target/release/ansel]

Repeats tests/images/kodim23.png to a 3:2 image of that size, with a little seeded noise so that no two repetitions
are alike, and prints time and peak memory of compressing it, of decompressing a rectangle of it, and of decompressing
all of it, with all threads. The results are compared with the image. Needs the packages of requirements.txt, and Linux.
"""

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from compare import call

Image.MAX_IMAGE_PIXELS = None  # the large image is ours

ROWS = 1024  # rows of noise made at once
CROP = 640, 480


def large_image(megapixels: float) -> np.ndarray:
    """A photograph of about this many megapixels, (height, width, 3) uint8."""
    tile = np.asarray(Image.open(Path(__file__).parent.parent / "images" / "kodim23.png"))
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    width = round(1.5 * height)
    times = (math.ceil(height / tile.shape[0]), math.ceil(width / tile.shape[1]), 1)
    image = np.tile(tile, times)[:height, :width]
    rng = np.random.default_rng(1)
    for start in range(0, height, ROWS):
        rows = image[start : start + ROWS]
        rows[:] = np.clip(rows + rng.integers(-2, 3, rows.shape, np.int16), 0, 255)
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--ansel", default="target/release/ansel")
    options = parser.parse_args()
    ansel = str(Path(options.ansel).resolve())
    with tempfile.TemporaryDirectory() as folder:
        source, packed, decoded = (str(Path(folder, name)) for name in ("a.png", "a.ansel", "b.png"))
        image = large_image(options.megapixels)
        height, width = image.shape[:2]
        Image.fromarray(image).save(source, compress_level=1)
        x, y = width // 2, height // 2
        crop = f"{x},{y},{CROP[0]},{CROP[1]}"
        print(f"{width} x {height} pixels", flush=True)
        for command, expected in [
            (["compress", source, "-o", packed], None),
            (["decompress", packed, "-o", decoded, "--crop", crop], image[y : y + CROP[1], x : x + CROP[0]]),
            (["decompress", packed, "-o", decoded], image),
        ]:
            started = time.monotonic()
            seconds, peak = call([ansel, *command, "--quiet", "--force"])
            wall = time.monotonic() - started
            what = " ".join([command[0], *command[4:]])
            print(f"{what}: {peak / 1e6:.0f} MB, {wall:.1f} s ({seconds:.1f} s of CPU time)", flush=True)
            if expected is not None:
                assert np.array_equal(np.asarray(Image.open(decoded)), expected), "another image came back"


if __name__ == "__main__":
    main()
