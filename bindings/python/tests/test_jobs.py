"""Jobs on every engine: the same results, nothing done twice, and nothing lost with a worker."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import PHOTOGRAPH
from PIL import Image
from pyarrow import fs

import ansel
from ansel import jobs
from ansel.jobs import driver, manifest, work

FILES = 12
EFFORT = {"effort": 1}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Parts of a photograph in two folders, one with a profile, one as a JPEG file; and a file that is not an image."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "below").mkdir()
    with Image.open(PHOTOGRAPH) as photograph:
        for index in range(FILES - 1):
            part = photograph.crop((40 * index, 100, 40 * index + 160, 220))
            part.save(folder / ("below" if index % 2 else "") / f"{index:02}.png", icc_profile=b"profile" if index == 3 else None)
        photograph.crop((0, 0, 160, 120)).save(folder / "below" / f"{FILES - 1:02}.jpg")
    (folder / "broken.png").write_bytes((folder / "00.png").read_bytes()[:-100])
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def expected(source: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results of one process."""
    target = tmp_path_factory.mktemp("expected")
    report = jobs.run(jobs.Job(str(source), str(target), EFFORT), engine="here")
    assert [row["path"] for row in report.failed] == ["broken.png"] and report.worked == FILES + 1
    assert "DamagedError" in report.failed[0]["error"]
    return results(target)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


@pytest.fixture(params=["daft", "ray"])
def engine(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return str(request.param)


def results(target: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(target)): path.read_bytes() for path in sorted(target.rglob("*.ansel"))}


def test_results_are_the_sources_pixels_and_metadata(source: pathlib.Path, expected: dict[str, bytes]) -> None:
    assert len(expected) == FILES
    jpeg = "below/11.jpg"
    assert ansel.decompress_file(expected[f"{jpeg}.ansel"]) == (source / jpeg).read_bytes()
    for name, file in expected.items():
        if name == f"{jpeg}.ansel":
            continue
        with Image.open(source / name.removesuffix(".ansel")) as image:
            np.testing.assert_array_equal(ansel.decode(file), np.asarray(image))
            assert ansel.info(file).metadata.get("icc") == image.info.get("icc_profile")


def test_engines_give_what_one_process_gives(
    engine: str, source: pathlib.Path, expected: dict[str, bytes], tmp_path: pathlib.Path
) -> None:
    job = jobs.Job(str(source), str(tmp_path), EFFORT)
    report = jobs.run(job, engine=engine, workers=2, batch=2)
    assert results(tmp_path) == expected
    assert [row["path"] for row in report.failed] == ["broken.png"] and not report.missing
    workers = {int(row["worker"].split()[1]) for row in report.rows}
    # Ray gives all work to one process if the other starts late.
    assert os.getpid() not in workers and len(workers) in ((2,) if engine == "daft" else (1, 2))
    table = pq.read_table(tmp_path / "manifest.parquet")
    assert table.schema.equals(work.SCHEMA) and table.num_rows == FILES + 1
    assert not list((tmp_path / ".manifest").iterdir())
    # Again: only what failed is tried.
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in expected}
    assert jobs.run(job, engine=engine, workers=2).worked == 1
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in expected} == before


def test_a_killed_worker_loses_nothing(
    engine: str, source: pathlib.Path, expected: dict[str, bytes], tmp_path: pathlib.Path
) -> None:
    job = jobs.Job(str(source), str(tmp_path), {"effort": 1})
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        """Kills the worker that has written the first part of the manifest."""
        while not killed and not over.is_set():
            for row in manifest.rows(job).values():
                os.kill(pid := int(row["worker"].split()[1]), signal.SIGKILL)
                killed.append(pid)
                return
            time.sleep(0.01)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    report = jobs.run(job, engine=engine, workers=2, batch=1)
    over.set()
    thread.join()
    assert killed and killed[0] != os.getpid()
    assert results(tmp_path) == expected and not report.missing and len(report.failed) == 1
    alive = [row for row in report.rows if int(row["worker"].split()[1]) != killed[0]]
    assert alive, "the others were compressed by another process"


def test_a_job_that_is_killed_is_finished_by_the_next(
    source: pathlib.Path, expected: dict[str, bytes], tmp_path: pathlib.Path
) -> None:
    command = [sys.executable, "-m", "ansel.jobs", str(source), str(tmp_path), "--engine", "here", "--batch", "1", "-e", "1"]
    job = jobs.Job(str(source), str(tmp_path), EFFORT)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while len(manifest.rows(job)) < 3 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = len(manifest.rows(job))
    assert 3 <= done < FILES
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 1 and "broken.png: DamagedError" in finished.stderr
    assert f"{FILES + 1} files" in finished.stdout and f"{FILES + 1} of them" not in finished.stdout
    assert results(tmp_path) == expected
    assert not [path for path in tmp_path.rglob(".*.tmp") if path.suffixes[-2:] == [".parquet", ".tmp"]]


def test_what_changed_or_is_gone_is_done_again(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder, target = tmp_path / "source", tmp_path / "target"
    folder.mkdir()
    for name in ("00.png", "02.png", "04.png"):
        (folder / name).write_bytes((source / name).read_bytes())
    job = jobs.Job(str(folder), str(target), EFFORT)
    assert jobs.run(job, engine="here").worked == 3
    assert jobs.run(job, engine="here").worked == 0
    (folder / "00.png").write_bytes((source / "06.png").read_bytes())
    (target / "02.png.ansel").unlink()
    report = jobs.run(job, engine="here")
    assert report.worked == 2 and not report.failed
    with Image.open(source / "06.png") as image:
        np.testing.assert_array_equal(ansel.decode(target / "00.png.ansel"), np.asarray(image))
    (folder / "04.png").unlink()
    assert {row["path"] for row in jobs.run(job, engine="here").rows} == {"00.png", "02.png"}


def test_what_fails_for_a_while_is_tried_again(
    source: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: dict[str, int] = {}
    write = work.write

    def unsteady(system: object, path: str, data: bytes) -> None:
        name = pathlib.Path(path).name
        tries[name] = tries.get(name, 0) + 1
        if name.endswith(".ansel") and tries[name] < 3:
            raise ConnectionResetError("the store is busy")
        write(system, path, data)

    monkeypatch.setattr(work, "write", unsteady)
    job = jobs.Job(str(source), str(tmp_path), EFFORT)
    report = jobs.run(job, engine="here", attempts=2)
    assert len(report.failed) == FILES + 1 and "the store is busy" in report.failed[0]["error"]
    assert len(jobs.run(job, engine="here", attempts=2).failed) == 1
    assert set(tries[name] for name in tries if name.endswith(".ansel")) == {3}


def test_an_engine_that_ends_early_is_started_again(
    source: pathlib.Path, expected: dict[str, bytes], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = []

    def mortal(job: jobs.Job, entries: list[work.Entry], workers: int, batch: int) -> None:
        starts.append((len(entries), batch))
        work.compress_batch(job, entries[:3])
        raise RuntimeError("a machine went away")

    monkeypatch.setitem(driver.ENGINES, "mortal", mortal)
    report = jobs.run(jobs.Job(str(source), str(tmp_path), EFFORT), engine="mortal", attempts=3)
    assert starts == [(FILES + 1, 32), (FILES - 2, 32), (FILES - 5, 1)]
    assert len(report.missing) == FILES + 1 - 9 and len(report.rows) == 9
    assert results(tmp_path).items() < expected.items()


def test_sources_that_are_not_there_are_errors(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
        jobs.run(jobs.Job(str(tmp_path / "none"), str(tmp_path / "target")), engine="here")


def test_buckets_are_sources_and_targets(
    source: pathlib.Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    at = f"?endpoint_override={host}:{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
    store, _ = fs.FileSystem.from_uri(f"s3://photographs{at}")
    try:
        for bucket in ("photographs", "archive"):
            store.create_dir(bucket)
        for path in source.rglob("*.*"):
            with store.open_output_stream(f"photographs/2026/{path.relative_to(source)}") as stream:
                stream.write(path.read_bytes())
        job = jobs.Job(f"s3://photographs/2026{at}", f"s3://archive/all{at}", EFFORT)
        assert [row["path"] for row in jobs.run(job, engine="daft", workers=2, batch=4).failed] == ["broken.png"]
        for name, file in expected.items():
            assert work.read(store, f"archive/all/{name}") == file
        assert jobs.run(job, engine="here").worked == 1
    finally:
        server.stop()
