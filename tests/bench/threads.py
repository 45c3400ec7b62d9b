"""What threads gain: one photograph, coded by one thread and by several.

    python tests/bench/threads.py PHOTOGRAPH [--threads 2] [--effort 6 --effort 4]

prints seconds of wall-clock time, and their ratio, for encoding and for decoding. Where cores
share their units, no program gets the full factor; so as many processes, with one thread each,
are run at once as well, and the last column has the ratio that they reach together. All of them
take turns, --repeat times, and the fastest time of each is kept. As many cores as threads have
to be idle. Needs Python 3.11 or later, and nothing else; the photograph is any file that ansel
reads, say of 2 megapixels.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(command: list[str], processes: int = 1) -> float:
    """The time of a command, or of some at once, which write to files of their own."""
    start = time.monotonic()
    running = [subprocess.Popen([part.replace("COPY", str(copy)) for part in command])
               for copy in range(processes)]
    if any(process.wait() for process in running):
        raise RuntimeError(f"failed: {command}")
    return time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photograph")
    parser.add_argument("--ansel", default="target/release/ansel", metavar="EXECUTABLE")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--effort", action="append", help="default: 6 and 4")
    parser.add_argument("--repeat", type=int, default=5, help="default: %(default)s")
    options = parser.parse_args()
    threads = options.threads
    print(f"| effort | | 1 thread s | {threads} threads s | ratio | ratio of {threads} processes |"
          "\n| --- | --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as scratch:
        packed = str(Path(scratch) / "COPY.ansel")
        for effort in options.effort or ["6", "4"]:
            encode = [options.ansel, "compress", options.photograph, packed, "--force",
                      "--quiet", "--effort", effort, "--transforms", "none", "--threads"]
            decode = [options.ansel, "verify", packed, "--quiet", "--threads"]
            for label, command in (("encode", encode), ("decode", decode)):
                turns = [(seconds([*command, "1"]), seconds([*command, str(threads)]),
                          seconds([*command, "1"], threads)) for _ in range(options.repeat)]
                one, several, together = map(min, zip(*turns))
                print(f"| {effort} | {label} | {one:.3f} | {several:.3f} | {one / several:.2f} | "
                      f"{threads * one / together:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
