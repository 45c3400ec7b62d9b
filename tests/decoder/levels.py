"""FORMAT.md, section "Levels": how a flow walks over a tile."""

from basics import byte, require
from mixture import channels, pixels_of
from network import network
from streams import LaneStream, Stream

LEVELS = 7
PHASES = [(1, 1), (1, 0), (0, 1)]  # x / s and y / s of a phase's pixels, modulo 2
KNOWN = [
    lambda dx, dy: dx % 2 == 1 and dy % 2 == 1,
    lambda dx, dy: (dx + dy) % 2 == 1,
    lambda dx, dy: dx % 2 == 1 or dy % 2 == 1,
]
T = [16, 24, 40]


def flow_tile(model, data, w, h, sizes, D, lanes):
    """The symbols of a tile: rows of pixels of all planes."""
    stream = (LaneStream if lanes else Stream)(data, w * h)
    block = (16, stream.choose) if lanes else (1,)
    C, K = len(sizes), model.K
    rows = [[None] * w for _ in range(h)]
    without_context = [0] * (K + K * C) + [384] * (K * C) + [0] * (K * C * (C - 1) // 2)
    places = [(x, y) for y in range(0, h, 2**LEVELS) for x in range(0, w, 2**LEVELS)]
    together = [channels(without_context, K, [], [1 << (D - 1)] * C, sizes, D, stream) for _ in places]
    for (x, y), pixel in zip(places, pixels_of(together, *block)):
        rows[y][x] = pixel
    for n in reversed(range(LEVELS)):
        s = 2**n
        for phase, (column, row) in enumerate(PHASES):
            places = [(x, y) for y in range(row * s, h, 2 * s) for x in range(column * s, w, 2 * s)]
            together = []
            for x, y in places:
                P, inputs = context(rows, x, y, w, h, n, phase, C, D)
                together.append(channels(network(model.chains[phase], inputs, model.high), K, [], P, sizes, D, stream))
            for (x, y), pixel in zip(places, pixels_of(together, *block)):
                rows[y][x] = pixel
    require(stream.finished(), "a stream does not end with its last symbol")
    return rows


def taps(phase):
    offsets = [(dx, dy) for dx in range(-5, 6) for dy in range(-5, 6) if KNOWN[phase](dx, dy)]
    return sorted(offsets, key=lambda tap: (tap[0] ** 2 + tap[1] ** 2, tap[1], tap[0]))[:T[phase]]


TAPS = [taps(phase) for phase in range(3)]


def tap_pixel(rows, x, y, w, h, s, phase, dx, dy):
    for i, j in ((dx, dy), (dx, -dy), (-dx, dy), (-dx, -dy)):
        if 0 <= x + s * i < w and 0 <= y + s * j < h:
            return rows[y + s * j][x + s * i]
    column, row = PHASES[phase]
    return rows[y - s * row][x - s * column]


def context(rows, x, y, w, h, n, phase, C, D):
    """The translations of a pixel, and its context."""
    found = [tap_pixel(rows, x, y, w, h, 2**n, phase, dx, dy) for dx, dy in TAPS[phase]]
    P = [(sum(pixel[c] for pixel in found[:4]) + 2) >> 2 for c in range(C)]
    inputs = [byte(pixel[c] - P[c], D) for pixel in found for c in range(C)]
    inputs += [byte(P[c] - (1 << (D - 1)), D) for c in range(C)]
    return P, inputs + [32 * min(n, 3)]
