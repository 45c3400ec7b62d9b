"""Lossless image compression with neural density models.

>>> import ansel, numpy
>>> image = numpy.arange(48, dtype=numpy.uint8).reshape(4, 4, 3)
>>> data = ansel.encode(image)
>>> bool((ansel.decode(data) == image).all())
True

All functions take the options of `Codec`. Functions that read take bytes, a path or a binary file object. They release
the interpreter's lock while they work; Ctrl-C, or any exception from a signal handler, ends them within milliseconds.
"""

import functools
import os
import warnings
from typing import Any, BinaryIO, Literal, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from ansel import _files
from ansel._ansel import (
    AnselError,
    Archive,
    Codec,
    DamagedError,
    Decoder,
    Encoder,
    Info,
    InstallationError,
    InternalError,
    LimitsError,
    MisuseError,
    NotKeptWarning,
    UnsupportedError,
    instructions,
)

__all__ = [
    "AnselError", "Archive", "Codec", "DamagedError", "Decoder", "Encoder", "Info", "InstallationError",
    "InternalError", "Limits", "LimitsError", "MisuseError", "NotKeptWarning", "Options", "UnsupportedError",
    "compress_file", "decode", "decoder", "decompress_file", "encode", "encoder", "info", "instructions", "open",
    "verify",
]

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
Target = str | os.PathLike[str] | BinaryIO
Layout = Literal["hwc", "chw"]


class Limits(TypedDict, total=False):
    """Limits on the input, checked against what a file declares before memory is allocated."""

    untrusted: bool
    """Whether limits that are not given default to those for untrusted files. Default: False."""
    samples: int
    """Most samples (width x height x channels). Default 2^31; untrusted, 2^28."""
    metadata_bytes: int
    """Most bytes of metadata. Default 64 MiB; untrusted, 16 MiB."""
    work: int
    """Most multiplications of networks in decoding. Default 2^50; untrusted, 2^44."""
    memory: int
    """Most bytes of samples, two each, that are held at once. Default: no limit; untrusted, 1 GiB."""


class Options(TypedDict, total=False):
    """The options of `Codec`, which all functions take. None of them changes the decoded samples."""

    effort: int | str
    """1, the fastest, to 9, the smallest files; or fast (4), low (5), default (6), high (8), max (9)."""
    model: str | bytes
    """Networks to use instead of the effort's: a name, or the bytes of an ONNX file, which is then needed for decoding."""
    transforms: bool
    """Whether to try transforms (palettes, luma and chroma, and others). Default: True."""
    verify: bool
    """Whether encoded data are decoded and compared before they are returned. Default: True."""
    threads: int
    """Number of threads; 0, the default, is one per core."""
    device: Literal["auto", "cpu", "cuda"]
    """The device that runs networks."""
    limits: Limits
    """Limits on the input."""


@functools.lru_cache(maxsize=8)
def _made(options: frozenset[tuple[str, Any]]) -> Codec:
    named = dict(options)
    if "limits" in named:
        named["limits"] = dict(named["limits"])
    return Codec(**named)


def _codec(options: Options) -> Codec:
    """A codec with these options, shared by all calls."""
    named: dict[str, Any] = dict(options)
    if "limits" in named:
        named["limits"] = frozenset(named["limits"].items())
    return _made(frozenset(named.items()))


def encode(
    image: npt.ArrayLike,
    *,
    depth: int | None = None,
    layout: Layout = "hwc",
    metadata: dict[str, bytes] | None = None,
    **options: Unpack[Options],
) -> bytes:
    """Compresses an array; returns the bytes of a file.

    `image` has axes (row, column) or (row, column, channel), or with `layout="chw"` (channel, row, column), and samples
    of type bool, uint8 or uint16; 1 to 4 channels are grey, grey and alpha, RGB, RGB and alpha. `depth` is the number of
    bits per sample; the default is 1, 8 or 16 by type. `metadata` has the keys icc, exif (from the TIFF header on), xmp,
    palette and png_chunks.
    """
    return _codec(options).encode(image, depth=depth, layout=layout, metadata=metadata)


def decode(
    source: Source,
    *,
    region: tuple[int, int, int, int] | None = None,
    layout: Layout = "hwc",
    **options: Unpack[Options],
) -> Samples:
    """Decompresses a file to an array; or a rectangle (x, y, width, height), reading only the tiles that it needs.

    For a file that holds a JPEG file, returns the pixels; rectangles are not supported there.
    The samples are uint8 for depths up to 8, otherwise uint16. Grey images have no channel axis.
    """
    return _codec(options).decode(source, region=region, layout=layout)


def info(source: Source, **options: Unpack[Options]) -> Info:
    """Describes a file without decoding samples: shape, depth, metadata, size. `jpeg_bytes` is the size of the JPEG file in
    it, if it holds one."""
    return _codec(options).info(source)


def verify(source: Source, **options: Unpack[Options]) -> Info:
    """Decodes a file and discards the samples. Raises `DamagedError` unless the file is intact."""
    return _codec(options).verify(source)


def encoder(
    target: BinaryIO,
    *,
    width: int,
    height: int,
    channels: int = 1,
    depth: int = 8,
    metadata: dict[str, bytes] | None = None,
    **options: Unpack[Options],
) -> Encoder:
    """Starts a file whose rows are written one after the other; memory does not grow with its height."""
    return _codec(options).encoder(
        target, width=width, height=height, channels=channels, depth=depth, metadata=metadata
    )


def decoder(source: Source, **options: Unpack[Options]) -> Decoder:
    """Yields the bands of a file, one array after the other; memory does not grow with its height."""
    return _codec(options).decoder(source)


def open(source: Source, **options: Unpack[Options]) -> Archive:
    """Opens a file, to decompress any number of rectangles."""
    return _codec(options).open(source)


@overload
def compress_file(
    source: Source, target: None = None, *, strip: bool = ..., allow_lossy_source: bool = ..., **options: Unpack[Options]
) -> bytes: ...
@overload
def compress_file(
    source: Source, target: Target, *, strip: bool = ..., allow_lossy_source: bool = ..., **options: Unpack[Options]
) -> None: ...
def compress_file(
    source: Source,
    target: Target | None = None,
    *,
    strip: bool = False,
    allow_lossy_source: bool = False,
    **options: Unpack[Options],
) -> bytes | None:
    """Compresses an image file (PNG, TIFF, WebP, ...) with its metadata, unless `strip` is set.

    Returns the bytes, or writes them to `target` (at a path: a complete file or none). What is not kept causes a
    `NotKeptWarning`. `decompress_file` restores JPEG files byte for byte. The pixels of lossy formats take more than their
    files: those of JPEG files, and of lossy WebP, are compressed only with `allow_lossy_source`.
    """
    codec = _codec(options)

    def compress(file: BinaryIO | None) -> tuple[bytes | None, list[str]]:
        return codec.compress_file(source, file, strip=strip, allow_lossy_source=allow_lossy_source)

    bytes_, not_kept = _files.put(target, compress) if isinstance(target, str | os.PathLike) else compress(target)
    if not_kept:
        warnings.warn(f"not kept: {', '.join(not_kept)}", NotKeptWarning, stacklevel=2)
    return bytes_


@overload
def decompress_file(
    source: Source, target: None = None, *, format: str | None = ..., **options: Unpack[Options]
) -> bytes: ...
@overload
def decompress_file(
    source: Source, target: Target, *, format: str | None = ..., **options: Unpack[Options]
) -> None: ...
def decompress_file(
    source: Source, target: Target | None = None, *, format: str | None = None, **options: Unpack[Options]
) -> bytes | None:
    """Decompresses to an image file: png, tiff, pnm, bmp, qoi or webp, by the extension of `target`; the default is png. A
    file that holds a JPEG file is decompressed to that by default, and with jpg.

    Returns the bytes, or writes them to `target` (at a path: a complete file or none).
    """
    codec = _codec(options)
    path = os.fspath(target) if isinstance(target, str | os.PathLike) else ""
    named = format or os.path.splitext(path)[1].removeprefix(".").lower() or None

    def decompress(file: BinaryIO | None) -> tuple[bytes | None, list[str]]:
        return codec.decompress_file(source, file, format=named)

    bytes_, not_kept = _files.put(path, decompress) if isinstance(target, str | os.PathLike) else decompress(target)
    if not_kept:
        warnings.warn(f"not kept: {', '.join(not_kept)}", NotKeptWarning, stacklevel=2)
    return bytes_
