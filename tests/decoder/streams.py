"""FORMAT.md, sections "Streams", "VP8L" and "PNG"."""

import io
import struct
import zlib

from basics import require


# Streams
class Stream:
    def __init__(self, data, P):
        least = (P + 2**15 - 1) // 2**15
        require(len(data) >= least, "a stream has %d bytes for %d pixels" % (len(data), P))
        require(len(data) == least or data[-1] != 0, "the last byte of a stream is 0")
        data = data.rstrip(b"\0")
        data += bytes(-len(data) % 4)
        self.words = list(struct.unpack("<%dI" % (len(data) // 4), data))
        self.A = self.words.pop() if self.words else 0
        if self.words:
            self.A = (self.A << 32) + self.words.pop()

    def symbol(self, cdf):
        """The next symbol, and `L` of the components at its two edges."""
        q = self.quantile()
        x, (start, low) = 0, cdf.cumulative(0)
        above, (end, high) = cdf.size, cdf.cumulative(cdf.size)
        while above - x > 1:
            middle = (x + above) // 2
            count, L = cdf.cumulative(middle)
            if count <= q:
                x, start, low = middle, count, L
            else:
                above, end, high = middle, count, L
        self.take(start, end)
        return x, low, high

    def quantile(self):
        return self.A & 0xffffff

    def take(self, start, end):
        """Goes on behind the symbol with this interval, which contains the quantile."""
        self.A = (self.A >> 24) * (end - start) + self.quantile() - start
        if self.A < 1 << 32 and self.words:
            self.A = (self.A << 32) + self.words.pop()

    def finished(self):
        return not self.words and self.A == 0


class LaneStream(Stream):
    """Section "Lanes"."""

    def __init__(self, data, P):
        super().__init__(data, P)
        self.lanes = [0] * 16
        for lane in range(15, 0, -1):
            n = self.bits(5)
            m = self.bits(max(n, 16) - 16) << min(n, 16)
            m += self.bits(min(n, 16))
            word = self.bits(16) << 16
            self.lanes[lane] = ((1 << n) + m << 32) + word + self.bits(16)
        require(self.A >= 1 << 32, "the states of a stream are damaged")
        self.lanes[0] = self.A
        self.borrowed = False

    def bits(self, count):
        value = self.quantile() >> (24 - count)
        Stream.take(self, value << (24 - count), (value + 1) << (24 - count))
        return value

    def choose(self, lane):
        self.lane = lane
        self.A = self.lanes[lane]

    def take(self, start, end):
        self.A = (self.A >> 24) * (end - start) + self.quantile() - start
        if self.A < 1 << 32:
            self.borrowed |= not self.words
            self.A = (self.A << 32) + (self.words.pop() if self.words else 0)
        self.lanes[self.lane] = self.A

    def finished(self):
        return not self.words and not self.borrowed and all(A == 1 << 33 for A in self.lanes)


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


# PNG
def png_tile(stream, w, h, planes, depth):
    """The symbols of a tile: rows of pixels of all planes."""
    bits = 16 if depth > 8 else 8
    if planes == 1 and depth <= 4:
        bits = min(stored for stored in (1, 2, 4) if stored >= depth)
    row_bytes = (w * planes * bits + 7) // 8
    data = rows_of_zlib(stream, h * (1 + row_bytes))
    rows, above = [], bytes(row_bytes)
    for start in range(0, len(data), 1 + row_bytes):
        above = unfilter(data[start], data[start + 1:start + 1 + row_bytes], above, max(1, planes * bits // 8))
        symbols = struct.unpack(">%dH" % (w * planes), above) if bits == 16 else above
        if bits < 8:
            symbols = [byte >> shift & (1 << bits) - 1 for byte in above for shift in range(8 - bits, -1, -bits)]
        rows.append([list(symbols[planes * x:planes * (x + 1)]) for x in range(w)])
    return rows


def rows_of_zlib(stream, size):
    decoder = zlib.decompressobj()
    try:
        data = decoder.decompress(stream, size + 1)
    except zlib.error:
        data = None
    require(data is not None and len(data) == size and decoder.eof and not decoder.unused_data,
            "a PNG stream is not one zlib stream of %d bytes" % size)
    return data


def unfilter(number, row, above, pixel):
    require(number <= 4, "filter %d is not known" % number)
    decoded = bytearray()
    for place, byte in enumerate(row):
        a, b, c = 0, above[place], 0
        if place >= pixel:
            a, c = decoded[place - pixel], above[place - pixel]
        nearest = min((a, b, c), key=lambda neighbour: abs(a + b - c - neighbour))
        decoded.append((byte + (0, a, b, (a + b) // 2, nearest)[number]) % 256)
    return bytes(decoded)
