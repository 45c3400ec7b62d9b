"""FORMAT.md, section "Conventions", and what several sections use."""

from hashlib import sha256

from xxh3 import xxh3


class FormatError(Exception):
    """An input that the format calls an error."""


def require(condition, message):
    if not condition:
        raise FormatError(message)


def clamp(x, a, b):
    return min(max(x, a), b)


def checksum(data):
    return sha256(data).digest()[:4]


def sample_checksum(data):
    return xxh3(data).to_bytes(8, "little")


def eight(v, D):
    """Section "Tiles": from symbols of a depth to the units of samples of 8 bits."""
    return v >> (D - 8) if D >= 8 else v << (8 - D)


def byte(v, D):
    """Section "Prediction and context": the same, as an entry of a context."""
    return clamp(eight(v, D), -128, 127)


class Reader:
    """Fields, one after the other."""

    def __init__(self, data):
        self.data = data
        self.position = 0

    def take(self, count):
        start = self.position
        require(count <= len(self.data) - start, "the file, or a description in it, is truncated")
        self.position += count
        return self.data[start:self.position]

    def byte(self):
        return self.take(1)[0]

    def number(self, what, least=0, most=2**64 - 1):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            require(byte != 0 or shift == 7, "%s is a number of more bytes than it needs" % what)
            require(value <= most, "%s is %d, or more, of at most %d" % (what, value, most))
            if byte < 128:
                require(value >= least, "%s is %d, of at least %d" % (what, value, least))
                return value

    def end(self, what):
        require(self.position == len(self.data), "%s: bytes follow" % what)
