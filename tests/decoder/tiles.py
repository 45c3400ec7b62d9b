"""FORMAT.md, sections "Tiles" and "Prediction and context": how a tile of network coded planes is walked over."""

from types import SimpleNamespace

from basics import byte, clamp, eight, require
from counts import Counts
from learning import Learner
from mixture import channels, mixture, pixels_of
from network import network
from streams import LaneStream, Stream


# Tiles
def tiles(width, rows, tile_width, tile_height):
    """Left, top, columns and rows of each tile."""
    for top in range(0, rows, tile_height):
        for left in range(0, width, tile_width):
            yield left, top, min(tile_width, width - left), min(tile_height, rows - top)


def network_tile(model, data, w, h, sizes, D, lanes, learning=None):
    """The symbols of a tile: rows of pixels of all planes. `lanes`: whether there is a state for each lane; `learning`: chunk,
    step and pull, if the network learns."""
    stream = (LaneStream if lanes else Stream)(data, w * h)
    rows = coded_rows(model, stream, w, h, sizes, D, lanes, learning)
    require(stream.finished(), "a stream does not end with its last symbol")
    return rows


def coded_rows(model, stream, w, h, sizes, D, lanes=False, learning=None):
    """The same, of the next tile on a stream."""
    C = len(sizes)
    learner = Learner(model, *learning) if learning else None
    counts = Counts(w * h) if learning else None
    rows = [[None] * w for _ in range(h)]
    s = border(rows, w, C, D)
    repeats = Repeats(s, w * h, sizes, D) if model.context == "repeats" else None
    for step in coding_order(w, h):
        if lanes:
            together = []
            for x, y in step:
                P = prediction(s, x, y, C)
                inputs, normal = context(model, s, x, y, P, C, D)
                outputs = network(model.layers, inputs, model.high)
                together.append(channels(outputs, model.K, [], P, sizes, D, stream, normal))
            for (x, y), pixel in zip(step, pixels_of(together, 16, stream.choose)):
                rows[y][x] = pixel
            continue
        coded = []
        for x, y in step:
            P = prediction(s, x, y, C)
            (inputs, normal), found = context(model, s, x, y, P, C, D), None
            if repeats:
                found = repeats.find(x, y)
                inputs += repeats.context(x, y, P, found)
            candidates = found.candidates if found else []
            if learner:
                activations, trace = learner.run(inputs), SimpleNamespace(channels=[])
                above = s(x, y - 1)
                rows[y][x] = mixture(
                    activations[-1], model.K, candidates, P, sizes, D, stream, normal, trace, counts, above)
                learner.learn(activations, trace, normal, D)
            else:
                outputs = network(model.layers, inputs, model.high)
                rows[y][x] = mixture(outputs, model.K, candidates, P, sizes, D, stream, normal)
            coded.append((x, y, found))
        if repeats:
            for x, y, found in coded:
                repeats.learn(x, y, found)
    return rows


# Border
def border(rows, w, C, D):
    """`s`: all channels of a pixel, also of one outside of the tile."""
    outside = [1 << (D - 1)] * C

    def s(x, y):
        if y < 0 or y == 0 and x < 0:
            return outside
        if x < 0:
            return rows[y - 1][0]
        return rows[y][min(x, w - 1)]

    return s


# Coding order
def coding_order(w, h):
    """The pixels of each step."""
    for t in range((w - 1) + 4 * (h - 1) + 1):
        yield [(t - 4 * y, y) for y in range(max(0, (t - w + 4) // 4), min(h - 1, t // 4) + 1)]


# Prediction and context
TAPS = [(dx, dy) for dy in (-3, -2, -1) for dx in range(-3, 4)] + [(dx, 0) for dx in (-3, -2, -1)]


def prediction(s, x, y, C):
    around = zip(s(x - 1, y), s(x, y - 1), s(x - 1, y - 1))
    return [clamp(N + W - NW, min(N, W), max(N, W)) for W, N, NW in around]


def context(model, s, x, y, P, C, D):
    """The context, without that of repeats, and its sign and shift."""
    if model.context == "normalized":
        return normalized(s, x, y, P, C, D)
    taps = [byte(symbol - P[c], D) for dx, dy in TAPS for c, symbol in enumerate(s(x + dx, y + dy))]
    return taps + [byte(P[c] - (1 << (D - 1)), D) for c in range(C)], (1, 0)


# Normalised contexts
W, N, NW, NE, WW, NN = (-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2)
NNE, NNW, NWW, NEE = (1, -2), (-1, -2), (-2, -1), (2, -1)
BESIDE = [(W, WW), (N, NW), (NE, N), (NEE, NE), (NW, NWW)]
UPRIGHT = [(W, NW), (N, NN), (NE, NNE), (NW, NNW), (WW, NWW)]
CLASSES = [1, 6, 12, 18, 24, 31, 40, 51, 67, 88, 119, 164, 233, 345, 564]


def normalized(s, x, y, P, C, D):
    def at(tap, c):
        return s(x + tap[0], y + tap[1])[c]

    channels = range(C)
    activity = eight(sum(abs(at(t, c) - at(u, c)) for t, u in BESIDE + UPRIGHT for c in channels), D)
    activity *= 3 if C == 1 else 1
    shift = sum(activity < v for v in (480, 240, 120, 60))
    sign = -1 if sum(at(t, c) - P[c] for t in (W, N, NE, NW, WW, NN) for c in channels) < 0 else 1
    e = shift + 8 - D - 1
    differences = [sign * (at(tap, c) - P[c]) for tap in TAPS for c in channels]
    inputs = [clamp(d << e if e >= 0 else d >> -e, -128, 127) for d in differences]
    inputs += [eight(P[c] - (1 << (D - 1)), D) for c in channels]
    pixel_class = sum(v <= activity for v in CLASSES)
    return inputs + [32 * (i == pixel_class) for i in range(16)], (sign, shift)


# Repeats
NEIGHBOURS = [(-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2)]
LONG = [(-1, -2), (0, -2), (1, -2), (-2, -1), (-1, -1), (0, -1), (1, -1), (2, -1), (-3, 0), (-2, 0), (-1, 0)]
SHORT = [(-1, -1), (0, -1), (1, -1), (-2, 0), (-1, 0)]
PAIRS = [(0, i) for i in range(1, 11)] + [(1, i) for i in range(2, 11)] + [(9, 10)]


class Found:
    """The candidates of a pixel, and the entries of the two tables that it leads to, with their counts."""

    def __init__(self, candidates, entries, counts):
        self.candidates, self.entries, self.counts = candidates, entries, counts


class Repeats:
    def __init__(self, s, pixels, sizes, D):
        self.s, self.sizes, self.D = s, sizes, D
        self.b = min([b for b in range(10, 20) if 2**b >= pixels], default=20)
        self.tables = [{}, {}]  # entry to pixel and count; an entry that is not there has the count 0
        self.masks = {}

    def find(self, x, y):
        def at(i, j):
            return self.s(x + i, y + j)

        def plane(a, b, c):
            return [clamp(i + j - k, 0, size - 1) for i, j, k, size in zip(a, b, c, self.sizes)]

        W, N, NW, NE, WW, NN = candidates = [list(at(i, j)) for i, j in NEIGHBOURS]
        candidates += [plane(W, N, NW), plane(W, W, WW), plane(N, N, NN)]
        entries = [self.entry(at, LONG), self.entry(at, SHORT)]
        counts = []
        for table, entry in zip(self.tables, entries):
            pixel, count = table.get(entry, (W, 0))
            candidates.append(pixel)
            counts.append(count)
        return Found(candidates, entries, counts)

    def entry(self, at, pixels):
        value = 0
        for i, j in pixels:
            for v in at(i, j):
                value = ((value + v + 1) * 0x9e3779b1) % 2**32
        return value >> (32 - self.b)

    def context(self, x, y, P, found):
        """The parts 3 to 6 of a context."""
        candidates = found.candidates
        result = [byte(v - p, self.D) for candidate in candidates[9:] for v, p in zip(candidate, P)]
        result += [8 * count for count in found.counts]
        for i, j in NEIGHBOURS[:4]:
            result += [64 * bit for bit in self.masks.get((x + i, y + j), [0] * 11)]
        return result + [64 * (candidates[a] == candidates[b]) for a, b in PAIRS]

    def learn(self, x, y, found):
        pixel = self.s(x, y)
        self.masks[x, y] = [int(candidate == pixel) for candidate in found.candidates]
        for table, entry in zip(self.tables, found.entries):
            before, count = table.get(entry, (None, 0))
            table[entry] = pixel, min(count + 1, 15) if before == pixel else 1
