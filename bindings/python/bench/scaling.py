"""Wall and CPU time of a job on one and on two processes of Daft.

    python bindings/python/bench/scaling.py PHOTOGRAPH [--files 16]

The files are parts of the photograph, of 512 x 384 pixels.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from PIL import Image

from ansel import jobs


def cpu() -> float:
    """CPU seconds of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photograph")
    parser.add_argument("--files", type=int, default=16)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (source := Path(folder, "source")).mkdir()
        with Image.open(arguments.photograph) as photograph:
            for index in range(arguments.files):
                left, top = index * 16 % (photograph.width - 511), index * 8 % (photograph.height - 383)
                photograph.crop((left, top, left + 512, top + 384)).save(source / f"{index}.png")
        for workers in (1, 2):
            job = jobs.Job(str(source), str(Path(folder, str(workers))), {"effort": 4})
            wall, busy = time.monotonic(), cpu()
            report = jobs.run(job, engine="daft", workers=workers, batch=1)
            assert len(report.rows) == arguments.files and not report.failed
            print(f"{workers} workers: {time.monotonic() - wall:.1f} s, {cpu() - busy:.1f} s of CPU time")


if __name__ == "__main__":
    main()
