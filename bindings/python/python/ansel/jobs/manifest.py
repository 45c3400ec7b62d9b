"""The manifest of a job: a row for each file of the source, gathered from the parts that workers wrote."""

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from ansel.jobs.work import SCHEMA, Entry, Job, Row, place, read, write

_NAME = "manifest.parquet"


def _listed(uri: str) -> list[tuple[str, fs.FileInfo]]:
    """All files below a URI with their relative paths, sorted; none if the folder does not exist."""
    system, base = place(uri)
    found = system.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
    files = [(info.path.removeprefix(base).lstrip("/"), info) for info in found if info.type == fs.FileType.File]
    return sorted(files, key=lambda file: file[0])


def sources(job: Job) -> list[Entry]:
    """The files to compress: without hidden files, and without results that lie below the source."""
    if place(job.source)[0].get_file_info(place(job.source)[1]).type == fs.FileType.NotFound:
        raise FileNotFoundError(f"there is no {job.source}")
    return [
        Entry(path, info.size, info.mtime_ns or 0)
        for path, info in _listed(job.source)
        if path.lower().endswith(job.suffixes) and not any(part.startswith(".") for part in path.split("/"))
    ]


def rows(job: Job) -> dict[str, Row]:
    """The last row of each path, among those of the manifest and its parts."""
    system, base = place(job.target)
    manifest = f"{base}/{_NAME}"
    found = [manifest] if system.get_file_info(manifest).type == fs.FileType.File else []
    parts = fs.FileSelector(f"{base}/.manifest", allow_not_found=True)
    found += sorted(info.path for info in system.get_file_info(parts) if info.path.endswith(".parquet"))
    last: dict[str, Row] = {}
    for path in found:
        for row in pq.read_table(pa.BufferReader(read(system, path)), schema=SCHEMA).to_pylist():
            last[row["path"]] = row
    return last


def tried(job: Job, entries: list[Entry]) -> dict[str, Row]:
    """The rows of the files that were tried in their present state."""
    known = rows(job)
    current = {entry.path: (entry.bytes, entry.modified) for entry in entries}
    return {
        path: row for path, row in known.items() if current.get(path) == (row["source_bytes"], row["source_modified"])
    }


def left(job: Job, entries: list[Entry]) -> list[Entry]:
    """The files that remain: never done, changed since, or with a missing result."""
    known = tried(job, entries)
    sizes = {path: info.size for path, info in _listed(job.target)}

    def done(row: Row | None) -> bool:
        return row is not None and row["status"] == "done" and sizes.get(row["target"]) == row["target_bytes"]

    return [entry for entry in entries if not done(known.get(entry.path))]


def gather(job: Job, entries: list[Entry]) -> list[Row]:
    """Writes the manifest of these files, and removes the parts that it replaces."""
    known = tried(job, entries)
    kept = [known[entry.path] for entry in entries if entry.path in known]
    system, base = place(job.target)
    parts = [info.path for info in system.get_file_info(fs.FileSelector(f"{base}/.manifest", allow_not_found=True))]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(kept, SCHEMA), sink)
    write(system, f"{base}/{_NAME}", sink.getvalue().to_pybytes())
    for path in parts:
        system.delete_file(path)
    return kept
