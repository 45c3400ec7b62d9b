"""Image files -> ansel files -> image files, with their metadata."""

import io
import pathlib
import warnings

import numpy as np
import pytest
from conftest import FORMATS, PHOTOGRAPH, ROOT
from PIL import Image

import ansel

READ = sorted(path for path in (FORMATS / "read").iterdir() if path.suffix not in (".jpg", ".jpeg"))


@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_every_format_comes_back(path: pathlib.Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ansel.NotKeptWarning)
        file = ansel.compress_file(path, effort=1, allow_lossy_source=True)
    assert ansel.compress_file(path.read_bytes(), effort=1, allow_lossy_source=True) == file if path.suffix == ".png" else True
    again = ansel.compress_file(ansel.decompress_file(file, format="png" if ansel.info(file).depth in (1, 2, 4, 8, 16) else "pnm"), effort=1)
    np.testing.assert_array_equal(ansel.decode(again), ansel.decode(file))


def test_metadata_of_png_files_is_kept(tmp_path: pathlib.Path) -> None:
    source = io.BytesIO()
    exif = Image.Exif()
    exif[0x0131] = "a program"
    with Image.open(PHOTOGRAPH) as photograph:
        image = photograph.crop((0, 0, 40, 30))
    image.save(source, "png", icc_profile=b"a profile of sorts", exif=exif, dpi=(300, 300))
    file = ansel.compress_file(source.getvalue(), effort=1)
    metadata = ansel.info(file).metadata
    assert metadata["icc"] == b"a profile of sorts"
    assert b"a program" in metadata["exif"]
    with Image.open(io.BytesIO(ansel.decompress_file(file))) as back:
        np.testing.assert_array_equal(np.asarray(back), np.asarray(image))
        assert back.info["icc_profile"] == b"a profile of sorts" and back.getexif()[0x0131] == "a program"
    stripped = ansel.compress_file(source.getvalue(), strip=True, effort=1)
    assert ansel.info(stripped).metadata == {}
    with pytest.warns(ansel.NotKeptWarning, match="Exif"):
        ansel.decompress_file(file, tmp_path / "back.tiff")


def test_targets_are_paths_and_file_objects(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "source.png"
    with Image.open(PHOTOGRAPH) as photograph:
        photograph.crop((0, 0, 40, 30)).save(source)
    file, target = ansel.compress_file(source, effort=1), tmp_path / "image.ansel"
    ansel.compress_file(source, target, effort=1)
    assert target.read_bytes() == file
    written = io.BytesIO()
    ansel.compress_file(source, written, effort=1)
    assert written.getvalue() == file
    for name in ("back.png", "back.qoi", "back.PPM", "back.webp"):
        ansel.decompress_file(target, tmp_path / name)
        with Image.open(tmp_path / name) as back, Image.open(source) as original:
            np.testing.assert_array_equal(np.asarray(back.convert("RGB")), np.asarray(original))
    with pytest.raises(ansel.MisuseError, match="format"):
        ansel.decompress_file(target, tmp_path / "back.gif")
    assert not list(tmp_path.glob(".*")) and not (tmp_path / "back.gif").exists()


def test_a_failure_leaves_what_was_there(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "image.ansel"
    target.write_bytes(b"older")
    for broken in sorted((FORMATS / "broken").iterdir()):
        with pytest.raises((ansel.DamagedError, ansel.UnsupportedError)):
            ansel.compress_file(broken, target, allow_lossy_source=True)
    assert [path.name for path in tmp_path.iterdir()] == ["image.ansel"] and target.read_bytes() == b"older"
    with pytest.raises(FileNotFoundError):
        ansel.compress_file(PHOTOGRAPH, tmp_path / "no folder" / "a.ansel")


def test_lossy_sources_are_refused_unless_they_are_wanted(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "lossy.webp"
    with Image.open(PHOTOGRAPH) as photograph:
        photograph.crop((0, 0, 40, 30)).save(path, quality=50)
    with pytest.raises(ansel.UnsupportedError, match="WebP"):
        ansel.compress_file(path)
    assert ansel.info(ansel.compress_file(path, allow_lossy_source=True, effort=1)).shape == (30, 40, 3)


def test_jpeg_files_are_kept_byte_for_byte(tmp_path: pathlib.Path) -> None:
    for path in sorted((ROOT / "tests/jpeg").glob("*.jpg")):
        jpeg, held = path.read_bytes(), tmp_path / "photo.ansel"
        ansel.compress_file(path, held)
        assert held.read_bytes() == ansel.compress_file(io.BytesIO(jpeg)) == ansel.compress_file(jpeg)
        assert ansel.decompress_file(held) == ansel.decompress_file(held.read_bytes(), format="jpg") == jpeg
        ansel.decompress_file(held, tmp_path / "again.jpeg")
        assert (tmp_path / "again.jpeg").read_bytes() == jpeg
        with Image.open(path) as image:
            info = ansel.info(held)
            assert (info.width, info.height) == image.size and info.channels == len(image.getbands())
        assert (info.jpeg_bytes, info.file_bytes) == (len(jpeg), held.stat().st_size) and info.depth == 8
        assert ansel.verify(held).jpeg_bytes == len(jpeg)
        damaged = bytearray(held.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        for work in (ansel.verify, ansel.decompress_file):
            with pytest.raises(ansel.DamagedError):
                work(damaged)


def test_pixels_of_jpeg_files_are_read_and_compressed_on_demand(tmp_path: pathlib.Path) -> None:
    path = ROOT / "tests/jpeg/progressive.jpg"
    held, pixels = ansel.compress_file(path), ansel.compress_file(path, allow_lossy_source=True, effort=1)
    np.testing.assert_array_equal(ansel.decode(held), ansel.decode(pixels))
    assert ansel.info(pixels).jpeg_bytes is None
    ansel.decompress_file(held, tmp_path / "pixels.png")
    with Image.open(tmp_path / "pixels.png") as image:
        np.testing.assert_array_equal(np.asarray(image), ansel.decode(held))
    with pytest.raises(ansel.UnsupportedError, match="strip"):
        ansel.compress_file(path, strip=True)
    with pytest.raises(ansel.UnsupportedError, match="JPEG"):
        ansel.decode(held, region=(0, 0, 1, 1))
    with pytest.raises(ansel.MisuseError, match="format"):
        ansel.decompress_file(pixels, format="jpg")
