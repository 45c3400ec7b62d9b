"""Runs a job: lists what is left, hands it to an engine, and tries again what did not come back."""

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
    """What came of a job."""

    rows: list[Row]
    """The manifest: a row for each file that was tried, now or before."""
    worked: int
    """Files that were not done when the job began."""
    missing: list[str]
    """Paths that no worker came back with: each time, something ended it."""

    @property
    def failed(self) -> list[Row]:
        """Rows of files that are not compressed, with the reasons."""
        return [row for row in self.rows if row["status"] != "done"]

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of what is compressed: before, and after."""
        done = [row for row in self.rows if row["status"] == "done"]
        return sum(row["source_bytes"] for row in done), sum(row["target_bytes"] for row in done)


def run(job: Job, *, engine: str = "daft", workers: int = 1, batch: int = 32, attempts: int = 3) -> Report:
    """Compresses all that is not done yet, in batches, and writes the manifest.

    What failed for a reason that may pass, or was lost with its worker, is tried again, `attempts` times in all, the last
    time one file in a batch: so a file that ends every worker takes no other with it. Files that are damaged or not
    supported are tried once in a run.
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
