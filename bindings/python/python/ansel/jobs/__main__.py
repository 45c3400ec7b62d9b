"""python -m ansel.jobs SOURCE TARGET: compresses a folder or a bucket. Exits with 1 if files remain."""

import argparse
import sys

from ansel import jobs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ansel.jobs", description=jobs.__doc__.partition("\n")[0])
    parser.add_argument("source", help="a folder, s3://bucket/folder or gs://bucket/folder")
    parser.add_argument("target", help="where the results and the manifest go")
    parser.add_argument("--engine", choices=jobs.ENGINES, default="daft")
    parser.add_argument("--workers", type=int, default=1, help="processes, in all")
    parser.add_argument("--batch", type=int, default=32, help="files that a worker takes at once")
    parser.add_argument("--attempts", type=int, default=3)
    parser.add_argument("-e", "--effort", default="default", help="1 to 9, or fast, low, default, high, max")
    arguments = parser.parse_args()

    job = jobs.Job(arguments.source, arguments.target, options={"effort": arguments.effort})
    report = jobs.run(
        job,
        engine=arguments.engine,
        workers=arguments.workers,
        batch=arguments.batch,
        attempts=arguments.attempts,
    )
    for row in report.failed:
        print(f"{row['path']}: {row['error']}", file=sys.stderr)
    for path in report.missing:
        print(f"{path}: no worker came back with it", file=sys.stderr)
    before, after = report.bytes
    print(f"{len(report.rows)} files, {report.worked} of them now; {before} bytes before, {after} after")
    return 1 if report.failed or report.missing else 0


if __name__ == "__main__":
    sys.exit(main())
