"""The Pillow plugin: what Pillow saves, it opens again."""

import io
import pathlib

import numpy as np
import pytest
from conftest import PHOTOGRAPH, samples
from PIL import Image, ImageFile

import ansel
import ansel.pillow


def image_of(mode: str) -> Image.Image:
    with Image.open(PHOTOGRAPH) as photograph:
        image = photograph.crop((200, 100, 253, 141))
    if mode == "I;16":
        return Image.fromarray(samples((41, 53), 16))
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(samples((41, 53), 8, np.uint8)))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "I;16"])
def test_every_mode_comes_back(mode: str, tmp_path: pathlib.Path) -> None:
    image, path = image_of(mode), tmp_path / "image.ansel"
    image.save(path, effort=1)
    with Image.open(path) as opened:
        assert (opened.format, opened.mode, opened.size) == ("ANSEL", mode, image.size)
        assert opened.tobytes() == image.tobytes()
    written = io.BytesIO()
    image.save(written, "ansel", effort=1)
    assert written.getvalue() == path.read_bytes()
    written.seek(0)
    with Image.open(written) as opened:
        assert opened.copy().tobytes() == image.tobytes()


def test_opening_reads_the_header_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "image.ansel"
    image_of("RGB").save(path)
    file = path.read_bytes()
    path.write_bytes(file[:-20])  # a tile is damaged
    image = Image.open(path)
    assert (image.size, image.mode) == ((53, 41), "RGB")
    with pytest.raises(OSError, match="truncated"):
        image.load()
    with Image.open(PHOTOGRAPH) as photograph:
        assert photograph.format == "PNG"


def test_metadata_is_in_info_and_saved_on_demand() -> None:
    exif = Image.Exif()
    exif[0x0131] = "a program"
    options = {"icc_profile": b"a profile", "exif": exif, "xmp": b"<x/>", "dpi": (300, 300)}
    written = io.BytesIO()
    image_of("L").save(written, "ansel", effort=1, transparency=7, **options)
    with Image.open(written) as opened:
        assert opened.info["icc_profile"] == b"a profile" and opened.info["xmp"] == b"<x/>"
        assert opened.getexif()[0x0131] == "a program" and opened.info["transparency"] == 7
        assert tuple(round(side, 2) for side in opened.info["dpi"]) == (300, 300)
        again = io.BytesIO()
        opened.save(again, "ansel", effort=1)
        as_png = io.BytesIO()
        opened.save(as_png, "png")
    assert set(ansel.info(again.getvalue()).metadata) == {"icc", "png_chunks"}
    with Image.open(as_png) as png:
        assert png.info["icc_profile"] == b"a profile" and png.info["transparency"] == 7


def test_metadata_of_png_files_arrives(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "source.png"
    image_of("RGB").save(path, dpi=(72, 72), transparency=(1, 2, 3), icc_profile=b"a profile")
    with Image.open(io.BytesIO(ansel.compress_file(path, effort=1))) as opened, Image.open(path) as png:
        assert opened.tobytes() == png.tobytes()
        for key in ("transparency", "icc_profile", "dpi"):
            assert opened.info[key] == pytest.approx(png.info[key]) if key == "dpi" else opened.info[key] == png.info[key]


def test_depths_that_pillow_has_no_mode_for() -> None:
    twelve = samples((9, 9), 12)
    with Image.open(io.BytesIO(ansel.encode(twelve, depth=12))) as opened:
        assert opened.mode == "I;16" and opened.info["depth"] == 12
        np.testing.assert_array_equal(np.asarray(opened), twelve)
        written = io.BytesIO()
        opened.save(written, "ansel")
    assert ansel.info(written.getvalue()).depth == 12
    two = samples((9, 9), 2, np.uint8)
    with Image.open(io.BytesIO(ansel.encode(two, depth=2))) as opened:
        assert opened.mode == "L"
        np.testing.assert_array_equal(np.asarray(opened), two * 85)
    with pytest.raises(OSError, match="use ansel.decode"):
        Image.open(io.BytesIO(ansel.encode(samples((9, 9, 3), 16))))


def test_what_is_no_such_image_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for mode in ("P", "CMYK", "F", "HSV"):
        with pytest.raises(OSError, match=f"cannot write mode {mode}"):
            Image.new(mode, (2, 2)).save(io.BytesIO(), "ansel")
    with pytest.raises(OSError):
        image_of("L").save(io.BytesIO(), "ansel", effort=77)
    file = bytearray(ansel.encode(samples((9, 9), 8, np.uint8)))
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(b"\x89ANSL" + file[5:7]))
    file[12] ^= 1
    with pytest.raises(OSError):
        Image.open(io.BytesIO(file))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(ansel.encode(samples((9, 9), 8, np.uint8))))


def test_the_parser_and_thumbnails_work() -> None:
    written = io.BytesIO()
    image_of("RGB").save(written, "ansel", effort=1)
    image = Image.open(written)
    image.thumbnail((20, 20))
    assert max(image.size) == 20 and isinstance(Image.open(written), ImageFile.ImageFile)


def test_a_jpeg_file_that_is_held_opens_as_it_would(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "photo.ansel"
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = io.BytesIO()
    image_of("RGB").save(jpeg, "jpeg", exif=exif, dpi=(300, 300))
    ansel.compress_file(jpeg.getvalue(), path)
    for source in (path, io.BytesIO(path.read_bytes())):
        with Image.open(source) as opened, Image.open(jpeg) as original:
            assert (opened.format, opened.info["dpi"], opened.getexif()[0x0112]) == ("JPEG", (300, 300), 6)
            assert opened.tobytes() == original.tobytes()
    damaged = bytearray(path.read_bytes())
    damaged[-9] ^= 1
    with pytest.raises(OSError, match="checksum"):
        Image.open(io.BytesIO(damaged))
