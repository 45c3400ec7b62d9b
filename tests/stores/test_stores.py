"""The program on buckets: a real server, real requests."""

import io
import json
import pathlib
import signal
import subprocess
from collections import Counter

import numpy as np
import pytest
from conftest import PROGRAM, ROOT, Run, Server
from PIL import Image

IMAGES = {f"{folder}{index}.png": (20 + index, 15 + 2 * index, 3) for folder in ("", "below/") for index in range(3)}
COMPRESS = ("compress", "-r", "s3://photos/2026", "-o", "s3://archive/all", "-e", "1", "-q")


def png(shape: tuple[int, ...], seed: int) -> bytes:
    """A PNG file: noise on a slope."""
    samples = np.random.default_rng(seed).integers(0, 16, shape) + np.arange(shape[1])[None, :, None]
    file = io.BytesIO()
    Image.fromarray(samples.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def photos(server: Server, tmp_path: pathlib.Path) -> dict[str, bytes]:
    """Images in the bucket, and the same below the folder `photos`."""
    files = {name: png(shape, seed) for seed, (name, shape) in enumerate(IMAGES.items())}
    for name, file in files.items():
        server.client.put_object(Bucket="photos", Key=f"2026/{name}", Body=file)
        (path := tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file)
    return files


@pytest.fixture
def expected(ansel: Run, photos: dict[str, bytes], tmp_path: pathlib.Path) -> dict[str, bytes]:
    """The results of a run over folders, by key."""
    ansel("compress", "-r", "photos", "-o", "local", "-e", "1", "-q")
    files = (path for path in (tmp_path / "local").rglob("*") if path.is_file())
    return {f"all/{path.relative_to(tmp_path / 'local')}": path.read_bytes() for path in files}


def test_buckets_are_as_folders(server: Server, ansel: Run, expected: dict[str, bytes], tmp_path: pathlib.Path) -> None:
    ansel(*COMPRESS, "--manifest", "list.jsonl")
    assert len(expected) == len(IMAGES) and server.objects("archive") == expected
    ansel("verify", "--manifest", "list.jsonl")
    assert len(ansel("verify", "-r", "s3://archive").stdout.splitlines()) == len(IMAGES)
    assert json.loads(ansel("info", "--json", "s3://archive/all/1.ansel").stdout)["width"] == 17
    ansel("decompress", "-r", "s3://archive/all", "-o", "again", "-q")
    for name in IMAGES:
        first, again = (np.asarray(Image.open(tmp_path / folder / name)) for folder in ("photos", "again"))
        np.testing.assert_array_equal(first, again)
    ansel("decompress", "s3://archive/all/1.ansel", "s3://photos/again.tiff", "-q")
    assert Image.open(io.BytesIO(server.objects("photos")["again.tiff"])).size == (17, 21)
    # An existing object that does not match the manifest.
    server.client.put_object(Bucket="archive", Key="all/1.ansel", Body=expected["all/2.ansel"])
    assert "s3://archive/all/1.ansel" in ansel("verify", "--manifest", "list.jsonl", "-q", code=1).stderr


def test_inputs_are_removed_when_results_are_there(server: Server, ansel: Run, expected: dict[str, bytes]) -> None:
    ansel(*COMPRESS, "--rm")
    assert server.objects("archive") == expected and not server.objects("photos")


def test_nothing_is_overwritten_unasked(server: Server, ansel: Run, expected: dict[str, bytes]) -> None:
    ansel("compress", "s3://photos/2026/0.png", "-o", "s3://archive/all/", "-e", "1")
    assert "--force" in ansel("compress", "s3://photos/2026/0.png", "-o", "s3://archive/all/", "-e", "1", code=1).stderr

    def overtaken(method: str, target: str) -> None:
        if method == "PUT":  # somebody else creates the object first
            server.client.put_object(Bucket="archive", Key=target.removeprefix("archive/"), Body=b"theirs")

    server.fault = overtaken
    assert "--force" in ansel("compress", "s3://photos/2026/1.png", "-o", "s3://archive/all/", "-e", "1", code=1).stderr
    assert server.objects("archive")["all/1.ansel"] == b"theirs"
    server.fault = lambda method, target: None
    assert "not the result" in ansel(*COMPRESS, "--resume", code=1).stderr
    assert server.objects("archive") == expected | {"all/1.ansel": b"theirs"}
    ansel("compress", "s3://photos/2026/1.png", "-o", "s3://archive/all/", "-e", "1", "--force")
    assert server.objects("archive") == expected


def test_a_server_that_fails_twice_is_asked_again(server: Server, ansel: Run, expected: dict[str, bytes]) -> None:
    asked: Counter[tuple[str, str]] = Counter()

    def unsteady(method: str, target: str) -> str | None:
        asked[method, target] += 1
        if asked[method, target] > 2:
            return None
        # Some requests are carried out, but their responses are lost.
        return "lose" if method == "PUT" and target.endswith("1.ansel") else "refuse"

    server.fault = unsteady
    ansel(*COMPRESS, "--manifest", "list.jsonl")
    assert server.objects("archive") == expected
    assert min(asked.values()) >= 3


def test_what_fails_for_good_is_reported_and_the_rest_is_done(
    server: Server, ansel: Run, expected: dict[str, bytes]
) -> None:
    server.fault = lambda method, target: "refuse" if target.endswith("below/1.ansel") else None
    failed = ansel(*COMPRESS[:-1], "--json", code=1)
    lines = [json.loads(line) for line in failed.stdout.splitlines()]
    assert lines[-1]["summary"] | {"seconds": 0} == lines[-1]["summary"] | {"seconds": 0, "done": 5, "failed": 1}
    assert ["s3://photos/2026/below/1.png"] == [line["file"] for line in lines if "error" in line]
    del expected["all/below/1.ansel"]
    assert server.objects("archive") == expected
    assert "no such object" in ansel("info", "s3://archive/none.ansel", code=1).stderr


def test_a_run_that_was_killed_goes_on(
    server: Server, ansel: Run, expected: dict[str, bytes], environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    arguments = (*COMPRESS, "--jobs", "2", "--manifest", "list.jsonl", "--resume")
    for kept in (2, 4):
        puts: list[str] = []
        run = subprocess.Popen([PROGRAM, *arguments], cwd=tmp_path, env=environment)

        def kills(method: str, target: str) -> None:
            puts.extend([target] if method == "PUT" else [])
            if len(puts) == 2:
                run.kill()

        server.fault = kills
        assert run.wait() == -signal.SIGKILL
        assert kept - 1 <= len(server.objects("archive")) <= kept + 1
    server.fault = lambda method, target: None
    ansel(*arguments)
    assert server.objects("archive") == expected
    ansel("verify", "--manifest", "list.jsonl")
    assert len((tmp_path / "list.jsonl").read_text().splitlines()) == len(IMAGES)


def test_large_results_are_sent_in_parts(server: Server, ansel: Run, tmp_path: pathlib.Path) -> None:
    Image.new("RGB", (3000, 2000), (1, 2, 3)).save(tmp_path / "flat.png")
    ansel("compress", "flat.png", "-e", "1", "-q")
    ansel("decompress", "flat.ansel", "s3://archive/flat.ppm", "-q")
    parts = [request for request in server.requests if request.method == "PUT" and "partNumber" in request.target]
    assert len(parts) >= 3
    assert "--force" in ansel("decompress", "flat.ansel", "-o", "s3://archive/flat.ppm", code=1).stderr
    ansel("decompress", "flat.ansel", "-o", "s3://archive/flat.ppm", "--force", "-q")
    assert list(server.objects("archive")) == ["flat.ppm"]
    assert server.objects("archive")["flat.ppm"].endswith(b"\x01\x02\x03" * 3000 * 2000)
    # An object created during the upload is kept.

    def overtaken(method: str, target: str) -> None:
        if method == "POST" and target.startswith("archive/late.ppm?") and "uploadId" in target:
            server.client.put_object(Bucket="archive", Key="late.ppm", Body=b"theirs")

    server.fault = overtaken
    assert "--force" in ansel("decompress", "flat.ansel", "-o", "s3://archive/late.ppm", code=1).stderr
    assert server.objects("archive")["late.ppm"] == b"theirs" and len(server.objects("archive")) == 2


def test_a_part_of_a_large_image_is_a_part_of_its_bytes(server: Server, ansel: Run, tmp_path: pathlib.Path) -> None:
    photograph = np.asarray(Image.open(ROOT / "tests/images/kodim23.png"))
    noise = np.random.default_rng(1).integers(-2, 3, (1024, 1536, 3))  # so that no two repetitions are alike
    samples = np.clip(np.tile(photograph, (2, 2, 1)) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(samples).save(tmp_path / "large.png")
    ansel("compress", "large.png", "-e", "1", "-q", "--verify", "none")
    whole = (tmp_path / "large.ansel").read_bytes()
    server.client.put_object(Bucket="archive", Key="large.ansel", Body=whole)

    def fetched() -> int:
        sent = sum(request.sent for request in server.requests if request.method == "GET")
        server.requests.clear()
        return sent

    fetched()
    ansel("decompress", "s3://archive/large.ansel", "--crop", "700,300,64,48", "-o", "part.png", "-q")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "part.png")), samples[300:348, 700:764])
    part = fetched()
    info = json.loads(ansel("info", "--json", "s3://archive/large.ansel").stdout)
    tables = fetched()
    assert info["bands"][0]["tiles"] == 6
    # One tile, and what is read ahead; the header and the table.
    assert part < 0.4 * len(whole), (part, len(whole))
    assert tables <= 2 << 16, tables
    print(f"{len(whole)} bytes; {part} for the part, {tables} for the description")
