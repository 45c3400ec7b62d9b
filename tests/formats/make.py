"""Writes the small image files of this folder, byte by byte: python3 tests/formats/make.py

In read/ are files that ansel reads, in unsupported/ valid ones that it refuses, in broken/ damaged ones. No library is
used, so that the files do not depend on its version. The two formats that take an encoder, JPEG and WebP, are given as
bytes, which Pillow 13.0 wrote of `rgb()`.
"""

import base64
import struct
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 9, 5


def sample(channel, x, y, bits=8):
    return (37 * channel + 101 * y + 23 * x + (x * y) ** 2) % (1 << bits)


def samples(channels, bits=8):
    return [[[sample(c, x, y, bits) for c in range(channels)] for x in range(WIDTH)] for y in range(HEIGHT)]


def rgb():
    return bytes(v for row in samples(3) for pixel in row for v in pixel)


def packed(row, bits):
    """A row of numbers of 1 to 16 bits, the first one in the most significant bits."""
    text = "".join(f"{value:0{bits}b}" for value in row)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))


# PNG


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(channels, bits, colour, before=b"", behind=b"", interlaced=False, values=None):
    image = values or samples(channels, bits)
    adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for x, y, right, down in adam7 if interlaced else [(0, 0, 1, 1)]:
        for row in image[y::down]:
            if row[x::right]:
                data += b"\0" + packed([v for pixel in row[x::right] for v in pixel], bits)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(data)) + behind
            + chunk(b"IEND", b""))


def palette(colours):
    return bytes((50 * i + 11 * c) % 256 for i in range(colours) for c in range(3))


def indices(colours):
    return [[[(x + 2 * y) % colours] for x in range(WIDTH)] for y in range(HEIGHT)]


# GIF


def gif_codes(values, size, end):
    """LZW with a clear code before every few pixels, so that codes stay as wide as the first."""
    clear, codes = 1 << size, []
    for i, value in enumerate(values):
        codes += [clear, value] if i % 2 == 0 else [value]
    codes += [clear + 1] if end else []
    number, bits = 0, 0
    for code in codes:
        number |= code << bits
        bits += size + 1
    data = number.to_bytes((bits + 7) // 8, "little")
    return bytes([size]) + b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def gif(frames=1, end=True):
    values = [pixel[0] for row in indices(4) for pixel in row]
    screen = struct.pack("<HHBBB", WIDTH, HEIGHT, 0x81, 0, 0) + palette(4)
    frame = b"," + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, 0) + gif_codes(values, 2, end)
    return b"GIF89a" + screen + frame * frames + b";"


# TIFF


def tiff(channels, bits, order="<", pages=1, big=False, float_samples=False):
    if big:
        return b"II" + struct.pack("<HHHQ", 43, 8, 0, 16) + struct.pack("<Q", 0) + b"\0" * 8
    data = b"".join(struct.pack(order + "BH"[bits == 16], v) for row in samples(channels, bits) for p in row for v in p)
    if float_samples:
        data = b"".join(struct.pack(order + "f", v / 7) for row in samples(1) for p in row for v in p)
        bits = 32
    file = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    for page in range(pages):
        start = len(file)
        after = start + 2 + 9 * 12 + 4
        shorts = struct.pack(order + "H" * channels, *[bits] * channels)
        entries = [(256, 3, WIDTH), (257, 3, HEIGHT), (258, 3, None), (259, 3, 1), (262, 3, 2 if channels == 3 else 1),
                   (273, 4, after + len(shorts)), (277, 3, channels), (279, 4, len(data)),
                   (339, 3, 3 if float_samples else 1)]
        file += struct.pack(order + "H", len(entries))
        for tag, kind, value in entries:
            if value is None and channels > 2:
                file += struct.pack(order + "HHII", tag, kind, channels, after)
            elif kind == 3:
                file += struct.pack(order + "HHIHH", tag, kind, 1, bits if value is None else value, 0)
            else:
                file += struct.pack(order + "HHII", tag, kind, 1, value)
        following = after + len(shorts) + len(data)
        file += struct.pack(order + "I", following if page + 1 < pages else 0) + shorts + data
    return file


# BMP, ICO, TGA, QOI, farbfeld, PNM


def bmp(bits, data, colours=b"", compression=0):
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, compression, len(data), 0, 0, len(colours) // 4, 0)
    offset = 14 + len(head) + len(colours)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + head + colours + data


def bmp_rgb():
    rows = [bytes(v for pixel in row for v in reversed(pixel)) for row in reversed(samples(3))]
    return bmp(24, b"".join(row + b"\0" * (-len(row) % 4) for row in rows))


def bmp_rle(skip=False):
    data = b""
    for row in reversed(indices(4)):
        values = [pixel[0] for pixel in row]
        values = values[:-2] if skip else values
        data += b"".join(bytes([1, v]) for v in values[:3])
        rest = values[3:]
        data += bytes([0, len(rest)]) + bytes(rest) + b"\0" * (len(rest) % 2) + b"\0\0"
    colours = b"".join(palette(4)[3 * i:3 * i + 3][::-1] + b"\0" for i in range(4))
    return bmp(8, data[:-2] + b"\0\1", colours, 1)


def ico(images=1):
    rows = [bytes([p[2], p[1], p[0], p[3]]) for row in reversed(samples(4)) for p in row]
    mask = b"\0" * (4 * HEIGHT)
    picture = struct.pack("<IiiHHIIiiII", 40, WIDTH, 2 * HEIGHT, 1, 32, 0, 0, 0, 0, 0, 0) + b"".join(rows) + mask
    start = 6 + 16 * images
    entry = struct.pack("<BBBBHHII", WIDTH, HEIGHT, 0, 0, 1, 32, len(picture), start)
    return struct.pack("<HHH", 0, 1, images) + entry * images + picture


def tga(kind, bits, data, colours=b""):
    head = struct.pack("<BBBHHBHHHHBB", 0, bool(colours), kind, 0, len(colours) // 3, 24 if colours else 0, 0, 0,
                       WIDTH, HEIGHT, bits, 0x20)
    return head + colours + data


def qoi():
    head = b"qoif" + struct.pack(">IIBB", WIDTH, HEIGHT, 3, 0)
    return head + b"".join(b"\xfe" + bytes(p) for row in samples(3) for p in row) + b"\0" * 7 + b"\1"


def farbfeld():
    head = b"farbfeld" + struct.pack(">II", WIDTH, HEIGHT)
    return head + b"".join(struct.pack(">H", v) for row in samples(4, 16) for p in row for v in p)


def pnm(kind, rest):
    return f"P{kind} {WIDTH} {HEIGHT} ".encode() + rest


def jpeg_frame(marker, precision):
    """The start of a JPEG file, which tells its kind."""
    return b"\xff\xd8\xff" + bytes([marker, 0, 11, precision, 0, HEIGHT, 0, WIDTH, 1, 1, 0x11, 0]) + b"\xff\xd9"


JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8yb"
    "qmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAF"
    "AAkDAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAAf/EACEQAAECBQUBAAAAAAAAAAAAAAECAwAREiFSFCJBcaHR/8QAFgEBAQEAAAAAAA"
    "AAAAAAAAAAAQID/8QAIREAAQMBCQAAAAAAAAAAAAAAAQACEaEDEhNSYXGR4fD/2gAMAwEAAhEDEQA/AAigutp20XmgBOJtLvmcUwl1aH2yBF0u"
    "jSnSNQ9kPfsODZ5RwspK/9k=")
WEBP = base64.b64decode(
    "UklGRlYAAABXRUJQVlA4TEoAAAAvCAABAM2VIaL/AcaxbSeJe8JKl+7UwKSAlIFvqZHO6GG2pySyOeW3AcFQOCkaS8SGRhIR81HQsbDxEpHjWS"
    "jxBDY4PRUxK4GHCw==")


def main():
    text = chunk(b"tEXt", b"Comment\0of ansel")
    index = indices(4)
    flat = bytes(pixel[0] for row in index for pixel in row)
    grey = bytes(v for row in samples(1) for p in row for v in p)
    bits = "\n".join(" ".join(str(p[0]) for p in row) for row in samples(1, 1)).encode()
    pam = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n".encode()
    rgba = png(4, 8, 6, behind=text)
    files = {
        "read/grey-1.png": png(1, 1, 0),
        "read/grey-4.png": png(1, 4, 0, before=chunk(b"gAMA", struct.pack(">I", 45455))),
        "read/grey-16.png": png(1, 16, 0, before=chunk(b"tRNS", b"\0\7")),
        "read/grey-alpha-8.png": png(2, 8, 4),
        "read/rgb-8-interlaced.png": png(3, 8, 2, interlaced=True),
        "read/rgb-16.png": png(3, 16, 2),
        "read/rgba-8-text.png": rgba,
        "read/palette-2-alpha.png": png(1, 2, 3, chunk(b"PLTE", palette(4)) + chunk(b"tRNS", b"\xff\x80"), values=index),
        "read/palette-8.png": png(1, 8, 3, chunk(b"PLTE", palette(200)), values=indices(200)),
        "read/grey.pgm": pnm(5, b"255\n" + grey),
        "read/rgb.ppm": pnm(6, b"255\n" + rgb()),
        "read/bits.pbm": pnm(1, bits + b"\n"),
        "read/grey-alpha.pam": pam + bytes(v for row in samples(2) for p in row for v in p),
        "read/rgb-8.tif": tiff(3, 8),
        "read/grey-16.tif": tiff(1, 16, ">"),
        "read/rgb.bmp": bmp_rgb(),
        "read/run-lengths.bmp": bmp_rle(),
        "read/run-lengths-left-out.bmp": bmp_rle(skip=True),
        "read/end-code.gif": gif(),
        "read/no-end-code.gif": gif(end=False),
        "read/rgb.qoi": qoi(),
        "read/grey.tga": tga(3, 8, grey),
        "read/palette.tga": tga(1, 8, flat, palette(4)),
        "read/rgba.ico": ico(),
        "read/rgba.ff": farbfeld(),
        "read/rgb.jpg": JPEG,
        "read/rgb.webp": WEBP,
        "unsupported/animated.png": rgba[:33] + chunk(b"acTL", struct.pack(">II", 1, 0)) + rgba[33:],
        "unsupported/animated.gif": gif(frames=2),
        "unsupported/two-pages.tif": tiff(1, 8, pages=2),
        "unsupported/float.tif": tiff(1, 8, float_samples=True),
        "unsupported/big.tif": tiff(1, 8, big=True),
        "unsupported/two.ico": ico(images=2),
        "unsupported/scaled.pgm": pnm(5, b"100\n" + bytes(v % 101 for v in grey)),
        "unsupported/arithmetic.jpg": jpeg_frame(0xc9, 8),
        "unsupported/12-bit.jpg": jpeg_frame(0xc1, 12),
        "unsupported/start.jxl": b"\xff\x0a" + b"\0" * 10,
        "broken/short.png": rgba[:-30],
        "broken/checksum.png": rgba[:60] + bytes([rgba[60] ^ 1]) + rgba[61:],
        "broken/short.gif": gif()[:-20],
        "broken/short.jpg": JPEG[:-2],
        "broken/text.png": b"no image\n",
    }
    for name, data in files.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


main()
