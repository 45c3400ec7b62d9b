"""FORMAT.md, section "Decisions": the bits of a symbol, where a network learns."""

from operator import mul

from basics import clamp
from mixture import LN, sigma


def ln(v):
    m = v.bit_length() - 1
    return m * 45426 + LN[((v << (24 - m)) >> 15) & 511]


def stretch(v):
    return ln(v) - ln((1 << 24) - v)


class Counts:
    def __init__(self, pixels):
        self.log = min([b for b in range(8, 16) if 2**b >= 2 * pixels], default=16)
        self.counts = {}  # (line, recent) to share and n; one that is not there has seen nothing
        self.weights = {}  # by channel and bit

    def symbol(self, stream, cdf, earlier, above):
        """The next symbol, of the channel after the `earlier` ones, and `L` of the components at its two edges."""
        c, D = len(earlier), cdf.D
        contexts = [sum(symbol << 16 * channel for channel, symbol in enumerate(earlier)), above]
        x, path, together = 0, 1, True
        start, stop = 0, 1 << 24
        for b in range(D - 1, -1, -1):
            if (D - 1 - b) % 4 == 0:
                lines, recent = [self.line(context, path, c, i) for i, context in enumerate(contexts)], 1
            bit = 0
            if x + (1 << b) < cdf.size:
                middle = cdf.cumulative(x + (1 << b))[0]
                p = ((stop - middle) << 24) // (stop - start)
                doubtful = min(p, (1 << 24) - p) >= 1 << 16
                if doubtful and together:
                    settle(stream, start, stop)
                    together = False
                if doubtful:
                    bit = self.mixed(stream, p, (c, b), [(line, recent) for line in lines])
                elif together:
                    bit = int(stream.quantile() >= middle)
                else:
                    bit = decision(stream, p)
                start, stop = (middle, stop) if bit else (start, middle)
            x |= bit << b
            path, recent = 2 * path + bit, 2 * recent + bit
        if together:
            settle(stream, start, stop)
        return x, cdf.cumulative(x)[1], cdf.cumulative(x + 1)[1]

    def line(self, context, path, c, i):
        key = (context << 16) + path * 8 + c * 2 + i
        return key * 0x9e3779b97f4a7c15 % 2**64 >> (64 - self.log)

    def mixed(self, stream, p, place, entries):
        w = self.weights.setdefault(place, [1 << 16, 0, 0, 0])
        t = [stretch(p), 1 << 14]
        for share, n in (self.counts.get(entry, (1 << 21, 0)) for entry in entries):
            t.append((stretch(4 * share + 2) * ((n << 16) // (n + 3))) >> 17)
        P = sigma(clamp(sum(map(mul, w, t)) >> 16, -12 << 16, 12 << 16))
        bit = decision(stream, P)
        e = (bit << 24) - P
        w[:] = [clamp(weight + ((e * v + (1 << 31)) >> 32), -(1 << 20), 1 << 20) for weight, v in zip(w, t)]
        for entry in entries:
            share, n = self.counts.get(entry, (1 << 21, 0))
            rate = 655360 // (10 * n + 16)
            self.counts[entry] = share + (((bit * ((1 << 22) - 1) - share) * rate) >> 16), min(n + 1, 60)
        return bit


def settle(stream, start, stop):
    """The bits before the first doubtful one, which lead to this part of the CDF."""
    if stop - start < 1 << 24:
        stream.take(start, stop)


def decision(stream, P):
    bit = int(stream.quantile() < P)
    stream.take(*((0, P) if bit else (P, 1 << 24)))
    return bit
