"""The work of a worker: a batch of files, each from bytes to bytes, and the rows of the manifest for them."""

import hashlib
import os
import secrets
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

import ansel
from ansel import _files

# Extensions of files to compress. JPEG files can be restored byte for byte.
SUFFIXES = (
    ".png", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".tif", ".tiff", ".bmp", ".qoi", ".webp", ".tga", ".ff", ".jpg", ".jpeg",
)

SCHEMA = pa.schema(
    {
        "path": pa.string(),  # relative to the source
        "source_bytes": pa.int64(),
        "source_modified": pa.int64(),  # nanoseconds since 1970
        "source_sha256": pa.string(),
        "target": pa.string(),  # relative to the target
        "target_bytes": pa.int64(),
        "target_sha256": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "channels": pa.int64(),
        "depth": pa.int64(),
        "status": pa.string(),  # "done", "failed", or "refused", which is final
        "error": pa.string(),
        "warning": pa.string(),
        "seconds": pa.float64(),
        "worker": pa.string(),
    }
)

Row = dict[str, Any]


class Entry(NamedTuple):
    """A file of the source."""

    path: str
    bytes: int
    modified: int


@dataclass(frozen=True)
class Job:
    """The description of a job; each worker gets a copy."""

    source: str
    """A folder, or a URI that `pyarrow.fs` knows: s3://bucket/folder, gs://bucket/folder."""
    target: str
    """The place for results and for the manifest: manifest.parquet, and parts of it below .manifest."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of `ansel.compress_file`. The default is one thread per worker."""
    suffixes: tuple[str, ...] = SUFFIXES
    """Extensions of files to compress."""


def place(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system of a URI or a path, and the path there."""
    return fs.FileSystem.from_uri(uri if urlsplit(uri).scheme else os.path.abspath(uri))  # type: ignore[no-any-return]


def read(system: fs.FileSystem, path: str) -> bytes:
    with system.open_input_stream(path) as stream:
        return stream.read()  # type: ignore[no-any-return]


def write(system: fs.FileSystem, path: str, data: bytes) -> None:
    """Puts an object in place, completely or not at all."""
    if isinstance(system, fs.LocalFileSystem):
        system.create_dir(os.path.dirname(path), recursive=True)
        _files.put(path, lambda file: file.write(data))
        return
    # A store shows the object only once the stream is closed.
    with system.open_output_stream(path) as stream:
        stream.write(data)


def compress(job: Job, entry: Entry) -> Row:
    """Compresses one file. Errors are recorded in the row."""
    started = time.perf_counter()
    row: Row = dict.fromkeys(SCHEMA.names)
    row |= {"path": entry.path, "source_bytes": entry.bytes, "source_modified": entry.modified}
    row |= {"target": f"{entry.path}.ansel", "worker": f"{os.uname().nodename} {os.getpid()}"}
    try:
        (sources, source), (targets, target) = place(job.source), place(job.target)
        data = read(sources, f"{source}/{entry.path}")
        if len(data) != entry.bytes:
            raise OSError(f"{len(data)} bytes were read where {entry.bytes} were listed")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ansel.NotKeptWarning)
            # Decoded and compared before it is returned, unless the options turn that off.
            file = ansel.compress_file(data, **{"threads": 1, **job.options})
        row["warning"] = "; ".join(str(warning.message) for warning in caught) or None
        path = f"{target}/{row['target']}"
        write(targets, path, file)
        if read(targets, path) != file:
            raise OSError("what was written does not read back")
        header = ansel.info(file)
        row |= {"source_sha256": hashlib.sha256(data).hexdigest(), "target_sha256": hashlib.sha256(file).hexdigest()}
        row |= {name: getattr(header, name) for name in ("width", "height", "channels", "depth")}
        row |= {"target_bytes": len(file), "status": "done"}
    except (ansel.DamagedError, ansel.UnsupportedError, ansel.LimitsError) as error:
        row |= {"status": "refused", "error": f"{type(error).__name__}: {error}"}
    except Exception as error:  # no file may end a worker
        row |= {"status": "failed", "error": f"{type(error).__name__}: {error}"}
    return row | {"seconds": time.perf_counter() - started}


def compress_batch(job: Job, entries: Sequence[Entry]) -> list[Row]:
    """Compresses files, and writes their rows as a part of the manifest, so that this work survives whatever ends the job.

    The part has a name of its own: parts are added, never changed.
    """
    rows = [compress(job, entry) for entry in entries]
    targets, target = place(job.target)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), sink)
    write(targets, f"{target}/.manifest/{time.time_ns():020}-{secrets.token_hex(4)}.parquet", sink.getvalue().to_pybytes())
    return rows
