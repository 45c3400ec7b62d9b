"""Runs a job: lists what remains, hands it to an engine, and retries what did not come back."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ansel.jobs import engines, manifest
from ansel.jobs.work import Entry, Job, Row

Engine = Callable[[Job, list[Entry], int, int], None]

ENGINES: dict[str, Engine] = {"here": engines.here, "daft": engines.on_daft, "ray": engines.on_ray}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """The outcome of a job."""

    rows: list[Row]
    """The manifest: a row for each file that was tried, in this run or before."""
    worked: int
    """Files that were not done when the job started."""
    missing: list[str]
    """Paths that no worker finished: each attempt was ended from outside."""

    @property
    def failed(self) -> list[Row]:
        """Rows of files that are not compressed, with the reasons."""
        return [row for row in self.rows if row["status"] != "done"]

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of the compressed files: before, and after."""
        done = [row for row in self.rows if row["status"] == "done"]
        return sum(row["source_bytes"] for row in done), sum(row["target_bytes"] for row in done)


def run(job: Job, *, engine: str = "daft", workers: int = 1, batch: int = 32, attempts: int = 3) -> Report:
    """Compresses all that is not done yet, in batches, and writes the manifest.

    Files that fail for a transient reason, or are lost with their worker, are tried up to `attempts` times, the last time in
    batches of one, so that a file that crashes every worker affects no other. Damaged or unsupported files are tried once.
    """
    entries = manifest.sources(job)
    todo = manifest.left(job, entries)
    worked = len(todo)
    for attempt in range(attempts):
        if not todo:
            break
        try:
            ENGINES[engine](job, todo, workers, 1 if attempt == attempts - 1 else batch)
        except ImportError:
            raise  # the engine is not installed
        except Exception:  # a worker was killed, a machine went away: what was done is in the manifest
            _log.exception("attempt %d of %d ended early", attempt + 1, attempts)
        refused = {path for path, row in manifest.tried(job, todo).items() if row["status"] == "refused"}
        todo = [entry for entry in manifest.left(job, todo) if entry.path not in refused]
    rows = manifest.gather(job, entries)
    known = {row["path"] for row in rows}
    return Report(rows, worked, [entry.path for entry in todo if entry.path not in known])
