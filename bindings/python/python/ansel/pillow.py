"""A plugin for Pillow: after `import ansel.pillow`, `Image.open` reads and `Image.save` writes .ansel files.

Opening reads the header and the metadata; samples are decoded on demand. Modes are 1, L, LA, RGB, RGBA and I;16. Pillow
has no mode for colour with more than 8 bits: use `ansel.decode`. A file that holds a JPEG file opens like that file, with
its metadata.
"""

import contextlib
import io
import struct
from collections.abc import Iterator
from typing import IO, Any, cast

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

import ansel

_MAGIC = b"\x89ANSL\r\n\x1a"
_HOLDS_JPEG = _MAGIC + b"\x01\x0f"
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_METRE = 0.0254  # an inch, in metres
_OPTIONS = ("effort", "model", "transforms", "verify", "threads", "device")


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Raises damage and exceeded limits as OSError, which Pillow's users expect."""
    try:
        yield
    except ansel.AnselError as error:
        raise OSError(str(error)) from error


def _chunks(block: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG file by type; markers are empty."""
    chunks, start = {}, 0
    while start < len(block):
        length, kind = struct.unpack_from(">I4s", block, start)
        chunks[kind] = block[start + 8 : start + 8 + length]
        start += 8 + length
    return chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data


class AnselImageFile(ImageFile.ImageFile):
    format = "ANSEL"
    format_description = "ansel lossless image"

    def _open(self) -> None:
        assert self.fp is not None
        if not _accept(self.fp.read(len(_MAGIC))):
            raise SyntaxError("not an ansel file")
        self.fp.seek(0)
        with _errors():
            header = ansel.open(cast(Any, self.fp)).info
        grey = header.channels == 1
        if header.depth > 8 and not grey:
            raise OSError(f"Pillow has no mode for {header.channels} channels of {header.depth} bits: use ansel.decode")
        self._depth = header.depth
        self._size = (header.width, header.height)
        self._mode = "I;16" if header.depth > 8 else "1" if grey and header.depth == 1 else _MODES[header.channels]
        self.tile = [ImageFile._Tile("raw", (0, 0) + self.size, 0, self.mode)]
        self._describe(header)

    def _describe(self, header: ansel.Info) -> None:
        """Puts the metadata into `info`."""
        metadata = header.metadata
        self.info["depth"] = header.depth
        if "icc" in metadata:
            self.info["icc_profile"] = metadata["icc"]
        if "exif" in metadata:
            self.info["exif"] = b"Exif\0\0" + metadata["exif"]
        if "xmp" in metadata:
            self.info["xmp"] = metadata["xmp"]
        chunks = _chunks(metadata.get("png_chunks", b""))
        if len(size := chunks.get(b"pHYs", b"")) == 9:
            x, y, unit = struct.unpack(">IIB", size)
            if unit == 1:
                self.info["dpi"] = (x * _METRE, y * _METRE)
        if len(gamma := chunks.get(b"gAMA", b"")) == 4:
            self.info["gamma"] = struct.unpack(">I", gamma)[0] / 100_000
        if header.depth >= 8 and len(colour := chunks.get(b"tRNS", b"")) == 2 * header.channels:
            values = struct.unpack(f">{header.channels}H", colour)
            self.info["transparency"] = values if len(values) > 1 else values[0]

    def load(self) -> Any:
        if self.tile and self.fp is not None:
            self.fp.seek(0)
            with _errors():
                samples = ansel.decode(cast(Any, self.fp))
            if self._exclusive_fp:
                self.fp.close()
            raw = {"1": "1;8", "I;16": "I;16"}.get(self.mode, self.mode)
            if self.mode == "I;16":
                samples = samples.astype("<u2", copy=False)
            elif self._depth < 8 and self.mode != "1":
                most = (1 << self._depth) - 1
                samples = (np.arange(most + 1, dtype=np.uint16) * 255 // most).astype(np.uint8)[samples]
            self.fp = io.BytesIO(samples.tobytes())
            self.tile = [ImageFile._Tile("raw", (0, 0) + self.size, 0, raw)]
        return super().load()

    def load_seek(self, pos: int) -> None:
        """Stops Pillow from memory-mapping the file as raw samples."""


def _open(file: IO[bytes], filename: str | bytes = "") -> ImageFile.ImageFile:
    """Opens samples lazily, and a JPEG file by Pillow's own decoder."""
    first = file.read(len(_HOLDS_JPEG))
    file.seek(0)
    if first != _HOLDS_JPEG:
        return AnselImageFile(file, filename)
    with _errors():
        jpeg = ansel.decompress_file(cast(Any, file))
    if filename:  # Pillow opened it, and closes the file that the image reads from
        file.close()
    return JpegImagePlugin.jpeg_factory(io.BytesIO(jpeg), filename)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(_MAGIC)


def _metadata(image: Image.Image) -> dict[str, bytes]:
    """As in Pillow's other plugins: the ICC profile and the transparent colour are kept; Exif, XMP and dpi are options."""
    options = image.encoderinfo
    metadata: dict[str, bytes] = {}
    if icc := options.get("icc_profile", image.info.get("icc_profile")):
        metadata["icc"] = icc
    if exif := options.get("exif"):
        data = exif.tobytes() if isinstance(exif, Image.Exif) else exif
        metadata["exif"] = data.removeprefix(b"Exif\0\0")
    if xmp := options.get("xmp"):
        metadata["xmp"] = xmp
    chunks = b""
    if dpi := options.get("dpi"):
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *(round(side / _METRE) for side in dpi), 1))
    transparent = options.get("transparency", image.info.get("transparency"))
    if transparent is not None and image.mode in ("1", "L", "I;16", "RGB"):
        values = transparent if isinstance(transparent, tuple) else (transparent,)
        if len(values) == (3 if image.mode == "RGB" else 1):
            chunks += _chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))
    if chunks:
        metadata["png_chunks"] = chunks
    return metadata


def _save(image: Image.Image, file: IO[bytes], _filename: str | bytes) -> None:
    if image.mode not in ("1", "L", "LA", "RGB", "RGBA", "I;16", "I;16L", "I;16B"):
        raise OSError(f"cannot write mode {image.mode} as ansel: convert it")
    samples = np.asarray(image)
    depth = None
    if image.mode.startswith("I;16"):
        # The original depth is used again, if the samples still fit it.
        depth = image.encoderinfo.get("depth", image.info.get("depth", 16))
        if not 8 < depth < 16 or samples.size and int(samples.max()) >> depth:
            depth = 16
    options: Any = {name: image.encoderinfo[name] for name in _OPTIONS if name in image.encoderinfo}
    with _errors():
        file.write(ansel.encode(samples, depth=depth, metadata=_metadata(image), **options))


Image.register_open(AnselImageFile.format, _open, _accept)
Image.register_save(AnselImageFile.format, _save)
Image.register_extension(AnselImageFile.format, ".ansel")
