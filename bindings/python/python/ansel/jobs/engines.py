"""Engines that run batches: this process, Daft, Ray Data. Each returns when all batches are done, or raises."""

from collections.abc import Iterable
from typing import Any

from ansel.jobs.work import Entry, Job, compress_batch


def here(job: Job, entries: list[Entry], _workers: int, batch: int) -> None:
    """One batch after the other, in this process."""
    for start in range(0, len(entries), batch):
        compress_batch(job, entries[start : start + batch])


def on_daft(job: Job, entries: list[Entry], workers: int, batch: int) -> None:
    """On Daft's runner, with one process per worker: on this machine, or with DAFT_RUNNER=ray on a cluster.

    The frame has only paths and sizes. Files go from store to worker and back as bytes, not through columns: an image
    column would decode them, and lose metadata and depth.
    """
    import daft
    from daft import DataType

    @daft.cls(max_concurrency=workers, use_process=True)
    class Worker:
        @daft.method.batch(return_dtype=DataType.string(), batch_size=batch)
        def statuses(self, path: Any, bytes: Any, modified: Any) -> Any:
            columns = (path.to_pylist(), bytes.to_pylist(), modified.to_pylist())
            return [row["status"] for row in compress_batch(job, [Entry(*row) for row in zip(*columns, strict=True)])]

    frame = daft.from_pydict({name: [getattr(entry, name) for entry in entries] for name in Entry._fields})
    if workers > 1:
        frame = frame.into_batches(batch)
    frame.select(Worker().statuses(*(frame[name] for name in Entry._fields))).collect()


def on_ray(job: Job, entries: list[Entry], workers: int, batch: int) -> None:
    """On Ray Data, on the cluster that `ray.init` has joined, or else on this machine."""
    import ray.data

    def statuses(rows: dict[str, Any]) -> dict[str, Any]:
        columns = (rows[name].tolist() for name in Entry._fields)
        done = compress_batch(job, [Entry(*row) for row in zip(*columns, strict=True)])
        return {"status": [row["status"] for row in done]}

    items = [entry._asdict() for entry in entries]
    blocks = -(-len(entries) // batch)
    done: Iterable[Any] = (
        ray.data.from_items(items, override_num_blocks=blocks)
        .map_batches(statuses, batch_size=batch, concurrency=workers)
        .iter_batches()
    )
    for _ in done:
        pass
