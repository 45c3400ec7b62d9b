"""What a call of the package costs over the call of the library that it makes, for a photograph of 2 megapixels.

    python bindings/python/bench/overhead.py PHOTOGRAPH [--runs 5]

The photograph is scaled to 1632 x 1224 pixels, with noise of one bit. What the package adds is timed by itself, and set
against whole calls at the fastest effort without verification, for which it weighs most: for encoding, a call that is
refused when its samples have been read, and the encoding of one pixel; for decoding, what an array takes more than verification,
which makes none, of a file of one colour, and the decoding of one pixel. CPU time, medians.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

import ansel


def seconds(work: Callable[[], object], runs: int) -> float:
    """The median CPU time of a call, in seconds."""
    times = []
    for _ in range(runs):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photograph")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    photograph = np.asarray(Image.open(arguments.photograph).convert("RGB").resize((1632, 1224)))
    image = photograph ^ np.random.default_rng(1).integers(0, 2, photograph.shape, np.uint8)
    codec = ansel.Codec(effort=1, threads=1, transforms=False, verify=False)
    file, pixel = codec.encode(image), np.zeros((1, 1, 3), np.uint8)
    uniform = codec.encode(np.full_like(image, 90))
    last = np.zeros_like(image)
    last[-1, -1, -1] = 2

    def refused() -> None:
        try:
            codec.encode(last, depth=1)
        except ansel.UnsupportedError:
            pass

    encoding = seconds(lambda: codec.encode(image), arguments.runs)
    decoding = seconds(lambda: codec.decode(file), arguments.runs)
    into = seconds(refused, 20) + seconds(lambda: codec.encode(pixel), 100)
    tiny = codec.encode(pixel)
    array = seconds(lambda: codec.decode(uniform), 20) - seconds(lambda: codec.verify(uniform), 20)
    out = array + seconds(lambda: codec.decode(tiny), 100)
    for name, whole, added in (("encode", encoding, into), ("decode", decoding, out)):
        print(f"{name}: {whole:.3f} s, of which the package {1000 * added:.1f} ms: {100 * added / whole:.2f} %")


if __name__ == "__main__":
    main()
