"""The overhead of a call of the package over a call of the library, for a photograph of 2 megapixels.

    cargo build --release --benches --no-default-features --features bench,files,graphics
    python bindings/python/bench/overhead.py PHOTOGRAPH [--runs 7] [--library target/release/deps/calls-...]

The photograph is scaled to 1632 x 1224 pixels, with one bit of noise. A process that uses only the library
(tests/bench/calls.rs, built with the features of the wheel), and this one, with the wheel installed, encode and decode it
alternately, at the fastest effort, without verification, with one thread, where the overhead weighs most. Prints CPU times
of the whole process: medians of the differences between neighbouring calls, beside those of the library's calls. Needs
Linux.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import ansel

ROOT = Path(__file__).resolve().parents[3]
SIZE = 1632, 1224


def newest() -> str:
    """The most recently built program."""
    found = [path for path in ROOT.glob("target/release/deps/calls-*") if not path.suffix]
    return str(max(found, key=lambda path: path.stat().st_mtime, default="target/release/deps/calls"))


class Library:
    """Calls of the library, in a separate process."""

    def __init__(self, program: str, samples: str) -> None:
        command = [program, *map(str, SIZE), samples]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # The clock of another process's CPU time (clock_getcpuclockid).
        self._clock = ~self._process.pid << 3 | 2

    def seconds(self, call: str) -> float:
        assert self._process.stdin and self._process.stdout
        started = time.clock_gettime(self._clock)
        self._process.stdin.write(f"{call}\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise SystemExit(f"the process of the library ended with {self._process.wait()}")
        return time.clock_gettime(self._clock) - started


def seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photograph")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--library", default=newest())
    arguments = parser.parse_args()
    photograph = np.asarray(Image.open(arguments.photograph).convert("RGB").resize(SIZE))
    image = photograph ^ np.random.default_rng(1).integers(0, 2, photograph.shape, np.uint8)
    codec = ansel.Codec(effort=1, threads=1, transforms=False, verify=False)
    file = codec.encode(image)
    with tempfile.NamedTemporaryFile() as samples:
        samples.write(image.tobytes())
        samples.flush()
        library = Library(arguments.library, samples.name)
        calls = {"encode": lambda: codec.encode(image), "decode": lambda: codec.decode(file)}
        for name, call in calls.items():
            library.seconds(name)  # warms up both
            call()
            turns = [(library.seconds(name), seconds(call)) for _ in range(arguments.runs)]
            alone = statistics.median(turn[0] for turn in turns)
            added = statistics.median(package - library for library, package in turns)
            print(f"{name}: {alone:.3f} s, of the package {1000 * added:+.1f} ms: {100 * added / alone:+.2f} %")


if __name__ == "__main__":
    main()
