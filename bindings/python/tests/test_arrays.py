"""Arrays come back unchanged, for any type, axes, strides and memory layout."""

import numpy as np
import pytest
from conftest import samples

import ansel


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [1, 2, 7, 8, 9, 12, 16])
def test_every_shape_and_depth_comes_back(channels: int, depth: int) -> None:
    dtype = np.uint8 if depth <= 8 else np.uint16
    image = samples((11, 7, channels), depth, dtype)
    file = ansel.encode(image, depth=depth, effort=1)
    info = ansel.info(file)
    expected = image[:, :, 0] if channels == 1 else image
    assert (info.width, info.height, info.channels, info.depth) == (7, 11, channels, depth)
    assert info.shape == expected.shape and info.file_bytes == len(file)
    decoded = ansel.decode(file)
    assert decoded.dtype == dtype and decoded.flags.c_contiguous and decoded.flags.writeable
    np.testing.assert_array_equal(decoded, expected)
    planar = ansel.decode(file, layout="chw")
    assert planar.flags.c_contiguous
    np.testing.assert_array_equal(planar, expected if channels == 1 else image.transpose(2, 0, 1))
    assert ansel.encode(image.transpose(2, 0, 1), layout="chw", depth=depth, effort=1) == file


def test_memory_in_any_order_gives_the_same_file(photograph: np.ndarray) -> None:
    image = np.ascontiguousarray(photograph[:30, :40])
    file = ansel.encode(image, effort=1)
    backwards = np.ascontiguousarray(image[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]
    larger = np.zeros((60, 90, 5), np.uint8)
    larger[::2, 5:85:2, 1:4] = image
    readonly = image.copy()
    readonly.setflags(write=False)
    for other in (np.asfortranarray(image), backwards, larger[::2, 5:85:2, 1:4], readonly, image.tolist()):
        if isinstance(other, list):
            other = np.array(other, np.uint8)
        np.testing.assert_array_equal(other, image)
        assert ansel.encode(other, effort=1) == file


def test_bool_and_other_byte_orders_are_samples() -> None:
    bits = samples((9, 9), 1).astype(bool)
    file = ansel.encode(bits)
    assert ansel.info(file).depth == 1
    np.testing.assert_array_equal(ansel.decode(file), bits)
    words = samples((9, 9), 16)
    assert ansel.encode(words.astype(">u2"), effort=1) == ansel.encode(words, effort=1)


def test_metadata_comes_back() -> None:
    metadata = {"icc": b"profile", "exif": b"II*\0", "xmp": b"<x/>", "png_chunks": b"\0\0\0\4gAMA\0\0\xb1\x8f"}
    file = ansel.encode(np.zeros((2, 2), np.uint8), metadata=metadata)
    assert ansel.info(file).metadata == metadata
    assert ansel.open(file).info.metadata == metadata


def test_regions_are_parts_of_the_whole(photograph: np.ndarray) -> None:
    file = ansel.encode(photograph, effort=1)
    x, y, width, height = 30, 20, 50, 40
    expected = photograph[y : y + height, x : x + width]
    np.testing.assert_array_equal(ansel.decode(file, region=(x, y, width, height)), expected)
    archive = ansel.open(file)
    for _ in range(2):
        np.testing.assert_array_equal(archive.region((x, y, width, height)), expected)
    with pytest.raises(ansel.MisuseError, match="not within"):
        archive.region((150, 0, 50, 1))
    np.testing.assert_array_equal(archive.region((0, 0, 1, 1), layout="chw")[:, 0, 0], photograph[0, 0])


def test_options_change_the_file_and_not_the_samples(photograph: np.ndarray) -> None:
    image = photograph[:48, :64]
    files = {}
    for effort in (1, 4, "default", "9"):
        files[effort] = ansel.encode(image, effort=effort, transforms=False)
        np.testing.assert_array_equal(ansel.decode(files[effort]), image)
    assert len({len(file) for file in files.values()}) == 4
    assert ansel.encode(image, effort=4, threads=1, transforms=False) == files[4]
    assert ansel.encode(image, effort=1, model="fast") == ansel.encode(image, effort=3, verify=False)
    assert ansel.encode(image, effort=1) != files[1]
    (coder,) = ansel.info(files[1]).coders
    assert coder.startswith("turbo colour expert ")


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (np.zeros((4, 4), np.float32), TypeError),
        (np.zeros((4, 4), np.int16), TypeError),
        (np.zeros((4, 4), np.uint32), TypeError),
        ("photograph.png", TypeError),
        (None, TypeError),
        (np.zeros(4, np.uint8), ansel.MisuseError),
        (np.zeros((1, 2, 3, 4), np.uint8), ansel.MisuseError),
        (np.zeros((4, 4, 5), np.uint8), ansel.UnsupportedError),
        (np.zeros((0, 4), np.uint8), ansel.UnsupportedError),
    ],
)
def test_what_is_no_image_is_refused(image: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        ansel.encode(image)  # type: ignore[arg-type]


def test_arguments_that_do_not_fit_are_refused() -> None:
    image = np.full((3, 3), 200, np.uint8)
    with pytest.raises(ansel.UnsupportedError, match="sample 200 in an image of 7 bits"):
        ansel.encode(image, depth=7)
    for wrong in (
        {"effort": 0}, {"effort": "best"}, {"model": "huge"}, {"device": "tpu"}, {"layout": "whc"},
        {"metadata": {"comment": b""}}, {"limits": {"pixels": 3}}, {"model": b"no network"},
    ):  # fmt: skip
        with pytest.raises(ansel.MisuseError):
            ansel.encode(image, **wrong)  # type: ignore[arg-type]


def test_what_would_not_fit_in_memory_is_an_error() -> None:
    endless = np.broadcast_to(np.zeros((1, 1, 1), np.uint16), (1 << 24, 1 << 24, 4))
    with pytest.raises(ansel.LimitsError, match="memory"):
        ansel.encode(endless)
