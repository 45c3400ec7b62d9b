"""FORMAT.md, sections "Streams" and "VP8L"."""

import io
import struct

from basics import require


# Streams
class Stream:
    def __init__(self, data):
        require(not data or data[-1] != 0, "the last byte of a stream is 0")
        data += bytes(-len(data) % 4)
        self.words = list(struct.unpack("<%dI" % (len(data) // 4), data))
        self.A = self.words.pop() if self.words else 0
        if self.words:
            self.A = (self.A << 32) + self.words.pop()

    def symbol(self, cdf):
        """The next symbol, and `L` of the components at its two edges."""
        q = self.A & 0xffffff
        x, (start, low) = 0, cdf.cumulative(0)
        above, (end, high) = cdf.size, cdf.cumulative(cdf.size)
        while above - x > 1:
            middle = (x + above) // 2
            count, L = cdf.cumulative(middle)
            if count <= q:
                x, start, low = middle, count, L
            else:
                above, end, high = middle, count, L
        self.A = (self.A >> 24) * (end - start) + q - start
        if self.A < 1 << 32 and self.words:
            self.A = (self.A << 32) + self.words.pop()
        return x, low, high

    def finished(self):
        return not self.words and self.A == 0


# VP8L
class NoPillow(Exception):
    """Pillow, which decodes VP8L, is missing."""


def vp8l_tile(stream, w, h, planes):
    """The symbols of a tile: rows of pixels of all planes."""
    require(1 <= planes <= 4 and w <= 16383 and h <= 16383, "VP8L cannot code such a tile")
    require(len(stream) <= 4 * w * h + 1024, "a VP8L stream is too long")
    alpha = planes % 2 == 0
    chunk = b"\x2f" + struct.pack("<I", (w - 1) | (h - 1) << 14 | alpha << 28) + stream
    padding = bytes(len(chunk) % 2)
    body = b"WEBPVP8L" + struct.pack("<I", len(chunk)) + chunk + padding
    try:
        from PIL import Image
    except ImportError:
        raise NoPillow("a part is coded with VP8L, and Pillow, which decodes it, is missing") from None
    try:
        image = Image.open(io.BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body), formats=["WEBP"])
        image.load()
    except (OSError, SyntaxError, ValueError):
        image = None
    require(image is not None and image.size == (w, h), "a VP8L stream is damaged")
    data = image.convert("RGBA").tobytes()
    pixels = [list(data[i:i + 4]) for i in range(0, len(data), 4)]
    if planes < 3:
        require(all(red == green == blue for red, green, blue, _ in pixels), "a VP8L stream of grey has a colour")
    read = {1: slice(0, 1), 2: slice(2, 4), 3: slice(0, 3), 4: slice(0, 4)}[planes]
    return [[pixel[read] for pixel in pixels[y * w:(y + 1) * w]] for y in range(h)]
