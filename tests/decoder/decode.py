#!/usr/bin/env python3
"""A second decoder of the ansel format, written from src/container/FORMAT.md alone.

    python3 decode.py FILE.ansel MODELS_FOLDERS OUT.ppm    decode to a binary PPM (grey: PGM; with alpha: PAM)
    python3 decode.py --known-answer MODELS_FOLDER         run the known-answer test of each model

The folders are one, or several as in PATH. The first form prints a line for each block of metadata: its kind, its bytes, its SHA-256, and what is known of it. It
needs Python 3.9, and Pillow for files with VP8L in them. It is meant to be read and to be compared with, not to be fast:
it decodes some hundreds of pixels per second. Exit code: 0 success, 1 a file that is missing or that the format calls an
error, 2 wrong usage, 3 Pillow is missing, 4 a JPEG file in a Lepton stream, of which header and checksums are right. A
JPEG file that is stored is written as it is.

The modules are in the order of the text, each with one function or more for each of its sections: xxh3.py, basics.py
(Conventions), decode.py (File), transforms.py, tiles.py (to Repeats), levels.py, network.py, mixture.py (to CDF), streams.py (to
PNG), learning.py, counts.py (Decisions), bits_back.py.
"""

import struct
import sys
import zlib
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

from basics import FormatError, Reader, checksum, require, sample_checksum
from bits_back import bits_back_tile
from levels import flow_tile
from network import known_answer_test, model, read_model, with_offsets
from streams import NoPillow, png_tile, vp8l_tile
from tiles import network_tile, tiles
from transforms import depth_of, transform


# File
def file(data, folder):
    """Decodes a file: its header, its metadata, and its samples, row after row, channels interleaved."""
    reader = Reader(data)
    head = header(reader)
    blocks = []
    for kind, stored, size, check in head.metadata:
        block = metadata(kind, reader.take(stored), size, check)
        blocks.append((kind, block, describe(kind, block)))
    samples = []
    for first in range(0, head.height, head.band_rows):
        samples += band(reader, head, min(head.band_rows, head.height - first), folder)
    reader.end("the last stream")
    return head, blocks, samples


# JPEG files
def is_jpeg(data):
    return data[:10] == bytes.fromhex("89414e534c0d0a1a010f")


def jpeg(data):
    """The JPEG file, where it is stored."""
    reader = Reader(data)
    reader.take(10)
    length = reader.number("the bytes of the JPEG file", most=2**32 - 1)
    digest, coder = reader.take(32), reader.byte()
    stream_length = reader.number("the bytes of the stream", most=length)
    stream_check = reader.take(8)
    check = checksum(reader.data[:reader.position])
    require(reader.take(4) == check, "the checksum of the header differs")
    require(coder in (0, 1), "coder %d of a JPEG file is not known" % coder)
    stream = reader.take(stream_length)
    reader.end("the stream")
    require(sample_checksum(stream) == stream_check, "the checksum of the stream differs")
    if coder == 1:
        raise NoLepton("a Lepton stream of %d bytes, for a JPEG file of %d: intact, but not decoded here"
                       % (stream_length, length))
    require(sha256(stream).digest() == digest, "the SHA-256 of the JPEG file differs")
    return stream


class NoLepton(Exception):
    """A stream that only a library decodes."""


# Header
def header(reader):
    require(reader.take(8) == bytes.fromhex("89414e534c0d0a1a"), "not an ansel file")
    version = reader.byte()
    require(version == 1, "format version %d is not known" % version)
    kind = reader.byte()
    channels, depth = kind & 15, (kind >> 4) + 1
    require(1 <= channels <= 4, "%d channels" % channels)
    width = reader.number("the width", 1, 2**24)
    height = reader.number("the height", 1, 2**31 - 1)
    band_rows = reader.number("the rows of a band", 1, min(height, 2**24 // width))
    M = reader.byte()
    require(M <= 8, "more than 8 metadata blocks")
    entries = [metadata_entry(reader) for _ in range(M)]
    kinds = [entry[0] for entry in entries]
    require(kinds == sorted(set(kinds)), "the metadata blocks are out of order")
    check = checksum(reader.data[:reader.position])
    require(reader.take(4) == check, "the checksum of the header differs")
    return SimpleNamespace(width=width, height=height, channels=channels, depth=depth, band_rows=band_rows,
                           metadata=entries)


def metadata_entry(reader):
    kind = reader.byte()
    require(1 <= kind <= 5, "metadata of kind %d is not known" % kind)
    stored = reader.number("the stored bytes of metadata", most=2**32 - 1)
    uncompressed = reader.number("the bytes of metadata", stored, 2**32 - 1)
    return kind, stored, uncompressed, reader.take(4)


# Metadata
def metadata(kind, block, uncompressed, check):
    require(checksum(block) == check, "the checksum of metadata %d differs" % kind)
    if len(block) == uncompressed:
        return block
    stream = zlib.decompressobj()
    try:
        block = stream.decompress(block, uncompressed + 1)
    except zlib.error:
        raise FormatError("metadata %d is not a zlib stream" % kind) from None
    whole = stream.eof and not stream.unused_data and len(block) == uncompressed
    require(whole, "metadata %d is not one zlib stream of its size" % kind)
    return block


def describe(kind, block):
    """What a block of metadata holds."""
    return {4: palette, 5: png_chunks}[kind](Reader(block)) if kind > 3 else ""


def palette(block):
    bits, n = block.byte(), block.byte() + 1
    require(bits in (1, 2, 4, 8) and n <= 1 << bits, "the size of the palette is wrong")
    block.take(3 * n)
    alpha = len(block.data) - block.position
    require(alpha <= n, "the palette has too many bytes of alpha")
    return "%d colours of %d bits, %d with alpha" % (n, bits, alpha)


def png_chunks(block):
    names = []
    while block.position < len(block.data):
        length = int.from_bytes(block.take(4), "big")
        name, data = block.take(4), block.take(length)
        require(name.isalpha(), "a type is not of four letters")
        place = not data and name in (b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"iTXt")
        require(place or name[:1].islower() or name == b"PLTE", "an unexpected critical chunk")
        names.append(name.decode())
    require(names.count("IDAT") <= 1, "two IDAT chunks")
    return " ".join(names)


# Bands
def band(reader, head, rows, folder):
    """Decodes the samples of the next band."""
    start = reader.position
    body = Reader(reader.take(reader.number("the bytes of a description")))
    check = checksum(reader.data[start:reader.position])
    require(reader.take(4) == check, "the checksum of a band differs")
    tile_width = body.number("the tile width", 1, min(16383, head.width))
    tile_height = body.number("the tile height", 1, min(16383, rows))
    parts = [read_part(body, head, head.width * rows) for _ in range(body.byte())]
    network = any(part.coder in (1, 4, 6, 7) for part in parts)
    require(not network or max(tile_width, tile_height) <= 4096, "a tile is too large for a network")
    require(sum(part.channels for part in parts) == head.channels, "the parts have not the channels of the image")
    places = list(tiles(head.width, rows, tile_width, tile_height))
    table = []
    for _ in places:
        check = body.take(8)
        table.append((check, [body.number("the bytes of a stream", most=2**32 - 1) for _ in parts]))
    body.end("the description of a band")
    pixels = [[None] * head.width for _ in range(rows)]
    for (left, top, w, h), (check, lengths) in zip(places, table):
        tile = decode_tile(reader, head, parts, lengths, (left, top, w, h), folder)
        samples = [sample for row in tile for pixel in row for sample in pixel]
        require(max(samples) < 1 << head.depth, "a sample is beyond the depth")
        same = sample_checksum(struct.pack("<%dH" % len(samples), *samples)) == check
        require(same, "the checksum of the tile at %d, %d differs" % (left, top))
        for y in range(h):
            pixels[top + y][left:left + w] = tile[y]
    return [sample for row in pixels for pixel in row for sample in pixel]


def read_part(body, head, P):
    byte = body.byte()
    channels, count = byte & 15, byte >> 4
    require(channels >= 1 and count <= 2, "a part of %d channels and %d transforms" % (channels, count))
    sizes = [1 << head.depth] * channels
    transforms = []
    for _ in range(count):
        description = body.take(body.number("the bytes of a transform"))
        transforms.append(transform(description, len(sizes), depth_of(sizes), P))
        sizes = transforms[-1].sizes
    coder = body.byte()
    lanes = coder in (17, 22)
    coder -= 16 * lanes
    require(coder in (0, 1, 2, 3, 4, 6, 7) and (coder == 0) == (max(sizes) == 1), "coder %d of planes of %s symbols" % (coder, sizes))
    model_name = primer = learning = offsets = None
    if coder in (1, 4, 6, 7):
        body.number("the model id", most=0xffff)
        model_name = body.take(16)
    if coder == 7:
        body.number("the primer's id", most=0xffff)
        primer = body.take(16)
    if coder == 6:
        offsets = body.take(body.number("the bytes of bias offsets", most=65536))
    if coder == 4:
        chunk, step, pull = body.take(3)
        require(63 <= chunk <= 255 and step <= 8 and 4 <= pull <= 16, "a field of learning is out of range")
        learning = chunk + 1, step, pull
    return SimpleNamespace(channels=channels, transforms=transforms, sizes=sizes, coder=coder, model=model_name,
                           primer=primer, learning=learning, offsets=offsets, lanes=lanes)


def decode_tile(reader, head, parts, lengths, place, folder):
    """Rows of pixels of all channels."""
    left, top, w, h = place
    tile = [[[] for _ in range(w)] for _ in range(h)]
    for part, length in zip(parts, lengths):
        planes = decode_planes(part, reader.take(length), w, h, folder)
        for y in range(h):
            for x in range(w):
                tile[y][x] += undo(part, planes[y][x], (top + y) * head.width + left + x)
    return tile


def decode_planes(part, stream, w, h, folder):
    """Rows of pixels of all planes of a part."""
    if part.coder == 0:
        require(not stream, "a stream of the constant coder is not empty")
        return [[[0] * len(part.sizes)] * w] * h
    if part.coder == 2:
        return vp8l_tile(stream, w, h, len(part.sizes))
    if part.coder == 3:
        return png_tile(stream, w, h, len(part.sizes), depth_of(part.sizes))
    found = model(part.model, folder)
    require(found.C == len(part.sizes), "the model codes %d planes, not %d" % (found.C, len(part.sizes)))
    require((found.context == "program") == (part.coder == 7), "a model is of another family than the coder")
    if part.coder == 7:
        primer = model(part.primer, folder)
        fits = primer.context == "normalized" and primer.C == found.C
        require(fits, "a primer does not fit its model")
        return bits_back_tile(found, primer, stream, w, h, part.sizes, depth_of(part.sizes))
    if part.coder == 6:
        found = with_offsets(found, part.offsets)
    learning = None
    if part.coder == 4:
        require(found.context == "normalized", "a model with such a context does not learn")
        require(stream[:1] in (b"\0", b"\1"), "a stream does not say whether its network learns")
        learning, stream = part.learning if stream[0] else None, stream[1:]
        require(not learning or w * h > part.learning[0], "the tile is too small for its network to learn")
    if found.context == "levels":
        return flow_tile(found, stream, w, h, part.sizes, depth_of(part.sizes), part.lanes)
    require(not part.lanes or found.context != "repeats", "a model with pinned components has lanes")
    return network_tile(found, stream, w, h, part.sizes, depth_of(part.sizes), part.lanes, learning)


def undo(part, symbols, place):
    for transform in reversed(part.transforms):
        require(all(map(int.__lt__, symbols, transform.sizes)), "a symbol is beyond the size of its plane")
        symbols = transform.undo(symbols, place)
    return symbols


# Command line
def pnm(head, samples):
    most = (1 << head.depth) - 1
    data = bytes(samples) if most < 256 else struct.pack(">%dH" % len(samples), *samples)
    if head.channels in (1, 3):
        start = "P%d\n%d %d\n%d\n" % (5 if head.channels == 1 else 6, head.width, head.height, most)
    else:
        start = "P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n" % (
            head.width, head.height, head.channels, most, "GRAYSCALE_ALPHA" if head.channels == 2 else "RGB_ALPHA")
    return start.encode() + data


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--known-answer":
        for path in sorted(Path(arguments[1]).glob("*.onnx")):
            found = read_model(path)
            answers = [known_answer_test(layers, found.high) for layers in found.chains]
            require(answers == found.known_answers, "%s: another answer" % path)
            print("%s: the known answer" % path)
    elif len(arguments) == 3:
        source, folder, target = arguments
        if is_jpeg(Path(source).read_bytes()):
            Path(target).write_bytes(jpeg(Path(source).read_bytes()))
            return 0
        head, blocks, samples = file(Path(source).read_bytes(), folder)
        for kind, block, parts in blocks:
            line = "metadata %d: %d bytes, %s %s" % (kind, len(block), sha256(block).hexdigest(), parts)
            print(line.rstrip())
        Path(target).write_bytes(pnm(head, samples))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (FormatError, OSError) as error:
        print("decode.py: %s" % error, file=sys.stderr)
        sys.exit(1)
    except NoPillow as error:
        print("decode.py: %s" % error, file=sys.stderr)
        sys.exit(3)
    except NoLepton as error:
        print("decode.py: %s" % error, file=sys.stderr)
        sys.exit(4)
