"""What threads gain: one photograph, coded by one thread and by several.

    python tests/bench/threads.py PHOTOGRAPH [--threads 2] [--effort 6 --effort 4]

prints seconds of wall-clock time, and their ratio, for encoding and for decoding. Both numbers
of threads take turns, --repeat times, and the fastest time of each is kept. As many cores as
threads have to be idle. Needs Python 3.11 or later, and nothing else; the photograph is any
file that ansel reads, say of 2 megapixels.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(command: list[str]) -> float:
    start = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photograph")
    parser.add_argument("--ansel", default="target/release/ansel", metavar="EXECUTABLE")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--effort", action="append", help="default: 6 and 4")
    parser.add_argument("--repeat", type=int, default=5, help="default: %(default)s")
    options = parser.parse_args()
    print("| effort | | 1 thread s | "
          f"{options.threads} threads s | ratio |\n| --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as scratch:
        packed = str(Path(scratch) / "packed.ansel")
        for effort in options.effort or ["6", "4"]:
            encode = [options.ansel, "compress", options.photograph, packed, "--force",
                      "--quiet", "--effort", effort, "--transforms", "none", "--threads"]
            decode = [options.ansel, "verify", packed, "--quiet", "--threads"]
            for label, command in (("encode", encode), ("decode", decode)):
                pairs = [[seconds([*command, str(threads)]) for threads in (1, options.threads)]
                         for _ in range(options.repeat)]
                one, several = map(min, zip(*pairs))
                print(f"| {effort} | {label} | {one:.3f} | {several:.3f} | "
                      f"{one / several:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
