"""Throughput and memory of `ansel compress -r` on a folder of photographs of half a megapixel.

    python tests/bench/batch.py FOLDER [--files 200] [--effort 6] [--memory 400M] [--ansel target/release/ansel]

Cuts photographs of 864 x 576 pixels out of the larger images in FOLDER, at seeded positions. Compresses them one by one
with one thread, then with 2 jobs or more, up to the number of cores, of one thread each. Prints wall and CPU time, the
throughput relative to one job, and the peak memory of the process beside the budget. All runs must produce the same
bytes. Then as many processes share the files, which shows what the machine allows. The machine should be idle: `CPU/wall`
is the number of busy cores. Needs Pillow, and Linux.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from compare import BenchError, call

SIZE = 864, 576


def cut(folder: Path, target: Path, number: int) -> None:
    """Writes `number` parts of the images in a folder, taking the images in turn."""
    sizes = {}
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            if image.width >= SIZE[0] and image.height >= SIZE[1]:
                sizes[path] = image.size
    if not sizes:
        raise BenchError(f"no image in {folder} has {SIZE[0]} x {SIZE[1]} pixels")
    places = random.Random(1)
    for index in range(number):
        path = list(sizes)[index % len(sizes)]
        left, top = (places.randint(0, whole - part) for whole, part in zip(sizes[path], SIZE))
        with Image.open(path) as image:
            part = image.convert("RGB").crop((left, top, left + SIZE[0], top + SIZE[1]))
        part.save(target / f"{index:03}.png", compress_level=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--effort", default="6")
    parser.add_argument("--memory", default="400M")
    parser.add_argument("--ansel", default="target/release/ansel")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        (source := Path(scratch, "source")).mkdir()
        cut(arguments.folder, source, arguments.files)
        megapixels = arguments.files * SIZE[0] * SIZE[1] / 1e6
        alone, written = 0.0, None
        jobs = sorted({1, 2, os.cpu_count() or 1})
        print(f"{arguments.files} files, {megapixels:.1f} megapixels, effort {arguments.effort}, "
              f"--memory {arguments.memory}, {os.cpu_count()} cores")
        for number in jobs:
            target = Path(scratch, f"by-{number}")
            started = time.monotonic()
            cpu, peak = call([arguments.ansel, "compress", "-r", str(source), "-o", str(target), "--quiet",
                              "-e", arguments.effort, "--memory", arguments.memory,
                              "--jobs", str(number), "--threads", str(number)])
            wall = time.monotonic() - started
            alone = alone or wall
            print(f"{number} jobs: {wall:.1f} s wall, {cpu:.1f} s CPU (CPU/wall {cpu / wall:.2f}), "
                  f"{megapixels / wall:.3f} MP/s, {alone / wall:.3f} times one job, "
                  f"peak memory {peak / 2**20:.0f} MiB")
            files = {path.name: path.read_bytes() for path in target.iterdir()}
            if len(files) != arguments.files or (written or files) != files:
                raise BenchError(f"{number} jobs left other files than 1")
            written = files
        for index, path in enumerate(sorted(source.iterdir())):
            (part := Path(scratch, f"part-{index % jobs[-1]}")).mkdir(exist_ok=True)
            os.link(path, part / path.name)
        started = time.monotonic()
        processes = [subprocess.Popen([arguments.ansel, "compress", "-r", str(part), "-o", f"{part}-out", "--quiet",
                                       "-e", arguments.effort, "--jobs", "1", "--threads", "1"])
                     for part in sorted(Path(scratch).glob("part-*"))]
        if any(process.wait() for process in processes):
            raise BenchError("a process failed")
        wall = time.monotonic() - started
        print(f"{jobs[-1]} processes of one job: {wall:.1f} s wall, {alone / wall:.3f} times one job")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(str(error))
