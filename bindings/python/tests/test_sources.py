"""Bytes, paths and file objects are read; errors say what the caller can do."""

import io
import pathlib
import threading

import numpy as np
import pytest
from conftest import samples

import ansel

IMAGE = samples((20, 30, 3), 8, np.uint8)


@pytest.fixture(scope="module")
def file() -> bytes:
    return ansel.encode(IMAGE, effort=1)


def test_everything_that_has_bytes_is_read(file: bytes, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "image.ansel"
    path.write_bytes(file)
    sources = [file, bytearray(file), memoryview(file), memoryview(file * 2)[: len(file)], path, str(path), io.BytesIO(file)]
    for source in sources:
        np.testing.assert_array_equal(ansel.decode(source), IMAGE)
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw:
        for opened in (buffered, raw):
            assert ansel.verify(opened).file_bytes == len(file)
            opened.seek(0)
            np.testing.assert_array_equal(ansel.decode(opened, region=(3, 4, 5, 6)), IMAGE[4:10, 3:8])


def test_decoding_needs_no_seek(file: bytes) -> None:
    class Pipe:
        def __init__(self) -> None:
            self.rest = file

        def read(self, size: int) -> bytes:
            given, self.rest = self.rest[: min(size, 100)], self.rest[min(size, 100) :]
            return given

    np.testing.assert_array_equal(ansel.decode(Pipe()), IMAGE)  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="seek"):
        ansel.open(Pipe()).region((0, 0, 1, 1))  # type: ignore[arg-type]


def test_what_a_file_object_raises_comes_back() -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def writable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            raise ZeroDivisionError("mine")

        def write(self, data: object) -> int:
            raise ZeroDivisionError("mine")

    broken: object = Broken()
    with pytest.raises(ZeroDivisionError, match="mine"):
        ansel.decode(broken)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError, match="mine"):
        ansel.encoder(broken, width=1, height=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ansel.decode(io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a path or a binary file"):
        ansel.decode(7)  # type: ignore[arg-type]


def test_files_that_are_not_there_are_the_systems_errors(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        ansel.decode(tmp_path / "none.ansel")
    assert caught.value.filename == str(tmp_path / "none.ansel")
    with pytest.raises(OSError):
        ansel.decode(tmp_path)


def test_damage_is_damage_wherever_it_is(file: bytes) -> None:
    for length in (0, 4, 20, len(file) - 1):
        with pytest.raises(ansel.DamagedError):
            ansel.decode(file[:length])
    with pytest.raises(ansel.DamagedError, match="trailing"):
        ansel.info(file + b"!")
    for place in range(0, len(file), 97):
        changed = bytearray(file)
        changed[place] ^= 1
        with pytest.raises(ansel.AnselError):
            ansel.verify(changed)


def test_limits_hold(file: bytes, photograph: np.ndarray) -> None:
    for limits in ({"samples": 1799}, {"memory": 1000}, {"untrusted": True, "samples": 1}):
        with pytest.raises(ansel.LimitsError):
            ansel.decode(file, limits=limits)  # type: ignore[arg-type]
    with pytest.raises(ansel.LimitsError, match="multiplications"):
        ansel.decode(ansel.encode(photograph, effort=1), limits={"work": 1000})
    np.testing.assert_array_equal(ansel.decode(file, limits={"untrusted": True}), IMAGE)


def test_what_is_left_of_a_damaged_file_is_salvaged() -> None:
    image = samples((64, 64, 3), 8, np.uint8)
    file = bytearray(ansel.encode(image, effort=1))
    file[-8] ^= 0x55
    archive = ansel.open(file)
    left, lost = archive.salvage()
    assert left.shape == image.shape and lost
    for x, y, width, height in lost:
        assert not left[y : y + height, x : x + width].any()


def test_rows_go_in_and_bands_come_out(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rows.ansel"
    image = samples((50, 20), 12)
    with path.open("wb") as target:
        with ansel.encoder(target, width=20, height=50, depth=12, metadata={"xmp": b"x"}, effort=1) as encoder:
            assert encoder.rows_wanted == 50
            for start in range(0, 50, 7):
                encoder.write(image[start : start + 7])
            assert encoder.rows_wanted == 0
    assert path.read_bytes() == ansel.encode(image, depth=12, metadata={"xmp": b"x"}, effort=1)
    decoder = ansel.decoder(path)
    assert decoder.info.shape == (50, 20) and decoder.info.metadata == {"xmp": b"x"}
    np.testing.assert_array_equal(np.concatenate(list(decoder)), image)
    assert list(decoder) == []


def test_an_encoder_that_failed_or_was_closed_says_so() -> None:
    encoder = ansel.encoder(io.BytesIO(), width=4, height=2)
    with pytest.raises(ansel.MisuseError, match="rows"):
        encoder.write(np.zeros((1, 5), np.uint8))
    with pytest.raises(ansel.MisuseError, match="has failed"):
        encoder.write(np.zeros((1, 4), np.uint8))
    with pytest.raises(ansel.MisuseError, match="1 rows left"):
        with ansel.encoder(io.BytesIO(), width=4, height=2) as encoder:
            encoder.write(np.zeros((1, 4), np.uint8))
    with pytest.raises(KeyError):
        with ansel.encoder(io.BytesIO(), width=4, height=2):
            raise KeyError
    encoder = ansel.encoder(io.BytesIO(), width=1, height=1)
    encoder.write(np.zeros((1, 1), np.uint8))
    assert encoder.close() > 0
    with pytest.raises(ansel.MisuseError, match="closed"):
        encoder.close()


def test_threads_share_a_codec(photograph: np.ndarray) -> None:
    codec = ansel.Codec(effort=1, threads=1)
    parts = [photograph[start : start + 20] for start in range(0, 120, 20)]
    files: dict[int, bytes] = {}

    def encode(index: int) -> None:
        files[index] = codec.encode(parts[index])

    threads = [threading.Thread(target=encode, args=(index,)) for index in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, part in enumerate(parts):
        np.testing.assert_array_equal(codec.decode(files[index]), part)
