"""FORMAT.md, sections "Bits-back", "Bijections", "Programs", "Samples given latents" and "Dequantization"."""

from operator import mul
from types import SimpleNamespace

from basics import Reader, clamp, require
from mixture import EXP2, GAUSS, SIGMA, mixture, sigma
from network import network
from streams import Stream
from tiles import coded_rows

SIDE = 64
OFFSETS = sorted(((dx, dy) for dy in range(-2, 3) for dx in range(-2, 3) if (dx, dy) != (0, 0)),
                 key=lambda d: (d[0]**2 + d[1]**2, d[1], d[0]))
AROUND = [(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dx, dy) != (0, 0)]


# Bits-back
def bits_back_tile(model, primer, data, w, h, sizes, D):
    """The symbols of a tile: rows of pixels of all planes."""
    columns, patches = w // SIDE, (w // SIDE) * (h // SIDE)
    reader = Reader(data)
    n = reader.number("the patches of a primer", most=patches)
    stack = Stack(data[reader.position:], w * h)
    rows = [[None] * w for _ in range(h)]
    program = read_program(model.program, model.C)

    def fill(left, top, part):
        for y, row in enumerate(part):
            rows[top + y][left:left + len(row)] = row

    for index in range(patches - n):
        fill(index % columns * SIDE, index // columns * SIDE, patch(model, program, stack, sizes, D))
    right, bottom = columns * SIDE, h // SIDE * SIDE
    parts = [(right, 0, w, bottom), (0, bottom, w, h)]
    if n:
        x, y = (patches - n) % columns * SIDE, (patches - n) // columns * SIDE
        parts = [(x, y, right, y + SIDE), (0, y + SIDE, right, bottom)] + parts
    for left, top, end, low in parts:
        if left < end and top < low:
            fill(left, top, coded_rows(primer, stack, end - left, low - top, sizes, D))
    require(stack.finished(), "a stream does not end with its last symbol")
    return rows


# Bijections
class Stack(Stream):
    def push(self, start, end):
        p = end - start
        if self.A >> 40 >= p:
            self.words.append(self.A & 0xffffffff)
            self.A >>= 32
        self.A = (self.A // p << 24) + self.A % p + start

    def push_uniform(self, r, R):
        self.push((r << 24) // R, (r + 1 << 24) // R)

    def pop_uniform(self, R):
        r = (self.quantile() + 1) * R - 1 >> 24
        self.take((r << 24) // R, (r + 1 << 24) // R)
        return r

    def push_bits(self, value, n):
        for first in range(0, n, 16):
            count = min(16, n - first)
            self.push_uniform(value >> first & (1 << count) - 1, 1 << count)

    def pop_bits(self, n):
        value = 0
        for first in reversed(range(0, n, 16)):
            count = min(16, n - first)
            value = value << count | self.pop_uniform(1 << count)
        return value

    def scale(self, x, e):
        R = factor(e)
        y = R * x + self.pop_uniform(R)
        self.push_bits(y % 1024, 10)
        return wrapped(y >> 10)

    def unscale(self, z, e):
        require(abs(z) < 2**54, "an integer of a patch is too large")
        R = factor(e)
        y = 1024 * z + self.pop_bits(10)
        self.push_uniform(y % R, R)
        return y // R

    def pop_base(self, k, table):
        i = max(i for i in range(1026) if below(i, table) <= self.quantile())
        self.take(below(i, table), below(i + 1, table))
        if 0 < i < 1025:
            return (i - 513 << k - 5) + self.pop_bits(k - 5)
        n = self.pop_uniform(48)
        d = 2**n + self.pop_bits(n)
        return -(512 << k - 5) - d if i == 0 else (512 << k - 5) + d - 1

    def push_noise(self, z, k, table):
        bucket, end = (z >> k - 5) + 512, 512 << k - 5
        if 0 <= bucket < 1024:
            self.push_bits(z % (1 << k - 5), k - 5)
        else:
            d = -end - z if z < 0 else z - end + 1
            n = d.bit_length() - 1
            require(n < k + 10, "noise of latents is too large")
            self.push_bits(d - 2**n, n)
            self.push_uniform(n, k + 10)
        i = clamp(bucket + 1, 0, 1025)
        self.push(below(i, table), below(i + 1, table))


def below(i, table):
    """The count below a symbol of a base distribution."""
    return i and ((1 << 24) if i == 1026 else i + (table[i - 1] * (2**24 - 1026) >> 24))


def tables_of(words):
    """The tables of the base distributions of an operation, by channel."""
    if words[0] != "mixture":
        return [GAUSS if words[0] == "gaussian" else SIGMA] * int(words[-1])
    n, K, *rest = map(int, words[1:])
    w, m, e = (rest[i * n * K:(i + 1) * n * K] for i in range(3))
    return [[sum(w[j] * sigma((2 * (i - 512) - m[j]) * factor(e[j])) for j in range(c * K, c * K + K)) >> 16
             for i in range(1025)] for c in range(n)]


def factor(e):
    e = clamp(e, -384, 384)
    s = 6 - (e >> 6)
    return EXP2[e & 63] + (2**s >> 1) >> s


# Programs
def read_program(text, C):
    """The kind of dequantization, and its first network, or None; and the operations, each with the side of the patch before
    it."""
    first, *lines = [line.split() for line in text.splitlines()]
    require(first[0] == "dequantize", "a program does not begin with dequantization")
    operations, side = [], SIDE
    for line in lines:
        operations.append((line[0], line[1:], side))
        side //= 2 if line[0] == "squeeze" else 1
    noise = int(first[2]) if first[1] == "variational" else None
    return SimpleNamespace(kind=first[1], noise=noise, operations=operations)


def patch(model, program, stack, sizes, D):
    """Rows of the pixels of the next patch."""
    k = max(6, D - 2)
    planes = []
    undo = {"squeeze": unsqueeze, "lu": unlu, "norm": unnorm, "couple": uncouple, "factor": unfactor,
            "uncouple": couple, "draw": undraw, "observe": unobserve(sizes, D)}
    for name, words, side in reversed(program.operations):
        planes = undo[name](planes, words, side, stack, model, k)
    m, half = k + 8 - D, 1 << (D - 1)
    if len(planes) == 3:
        planes = [planes[1], planes[0], planes[2]]
    rows = [[[(plane[y][x] >> m) + half for plane in planes] for x in range(SIDE)] for y in range(SIDE)]
    valid = all(0 <= v < size for row in rows for pixel in row for v, size in zip(pixel, sizes))
    require(valid, "a symbol is beyond the size of its plane")
    if len(planes) == 3:
        planes = [planes[1], planes[0], planes[2]]
    if program.kind == "none":
        require(all(v % (1 << m) == 0 for plane in planes for row in plane for v in row), "samples that are not whole")
    elif program.noise is None or D != 8:
        for plane in reversed(planes):
            for y, x in reversed(places("all", SIDE)):
                stack.push_bits(plane[y][x] & (1 << m) - 1, m)
    else:
        push_noise(planes, model.chains[program.noise:], stack)
    return rows


def wrapped(value):
    return (value + 2**63) % 2**64 - 2**63


def places(pixels, side):
    wanted = {"even": [0], "odd": [1]}.get(pixels, [0, 1])
    return [(y, x) for y in range(side) for x in range(side) if (x + y) % 2 in wanted]


def reflect(at, side):
    return 2 * (side - 1) - at if at >= side else abs(at)


def unsqueeze(planes, words, side, *_):
    C = len(planes) // 4
    return [[[planes[(2 * (y % 2) + x % 2) * C + c][y // 2][x // 2] for x in range(side)] for y in range(side)]
            for c in range(C)]


def unlu(planes, words, side, stack, *_):
    n = int(words[0])
    entries = [int(word) for word in words[1:]]
    L, U, exponents = [entries[i * n:(i + 1) * n] for i in range(n)], entries[n * n:2 * n * n], entries[2 * n * n:]
    U = [U[i * n:(i + 1) * n] for i in range(n)]
    for c in reversed(range(n)):
        if exponents[c]:
            for y, x in reversed(places("all", side)):
                planes[c][y][x] = stack.unscale(planes[c][y][x], exponents[c])
    for matrix, order in ((U, reversed(range(n))), (L, range(n))):
        for c in order:
            for y, x in places("all", side):
                total = wrapped(sum(v * plane[y][x] for v, plane in zip(matrix[c], planes) if v))
                planes[c][y][x] = wrapped(planes[c][y][x] - (total >> 12))
    return planes


def unnorm(planes, words, side, stack, model, k):
    n = int(words[0])
    numbers = [int(word) for word in words[1:]]
    for c in reversed(range(n)):
        plane = planes[len(planes) - n + c]
        for y, x in reversed(places("all", side)):
            plane[y][x] = wrapped(stack.unscale(plane[y][x], numbers[n + c]) + (numbers[c] << k - 6))
    return planes


def coupled(planes, words, side, model, k):
    """The channels of a coupling that change, from the first one; places in them; and what the network says of one."""
    m, T, a, b, known, b1, half, b2 = (int(words[i]) for i in (3, 5, 7, 8, 10, 11, 13, 14))

    def says(y, x):
        inputs = context(planes, x, y, side, T, (known, b1), (half, b2), k, words[1] == "raster")
        return network(model.chains[m], inputs, model.high)

    return planes[a:a + b], places(words[1], side), says


def uncouple(planes, words, side, stack, model, k):
    changed, where, says = coupled(planes, words, side, model, k)

    def back(c, y, x, output):
        z = changed[c][y][x]
        if words[0] == "affine":
            z = stack.unscale(z, output[len(changed) + c])
        changed[c][y][x] = wrapped(z + (output[c] << k - 6))

    if words[1] == "raster":
        for y, x in where:
            output = says(y, x)
            for c in range(len(changed)):
                back(c, y, x, output)
        return planes
    outputs = [says(y, x) for y, x in where]
    for c in reversed(range(len(changed))):
        for (y, x), output in reversed(list(zip(where, outputs))):
            back(c, y, x, output)
    return planes


def couple(planes, words, side, stack, model, k):
    changed, where, says = coupled(planes, words, side, model, k)
    outputs = [says(y, x) for y, x in where]
    visits = [(c, *visit) for c in range(len(changed)) for visit in zip(where, outputs)]
    if words[1] == "raster":
        visits = [(c, *visit) for visit in reversed(list(zip(where, outputs))) for c in reversed(range(len(changed)))]
    for c, (y, x), output in visits:
        z = wrapped(changed[c][y][x] - (output[c] << k - 6))
        changed[c][y][x] = stack.scale(z, output[len(changed) + c]) if words[0] == "affine" else z
    return planes


def context(planes, x, y, side, T, known, half, k, raster=False):
    def value(plane, x, y, whole):
        if raster and not whole and not (0 <= x < side and 0 <= y < side):
            return 0
        return plane[reflect(y, side)][reflect(x, side)]

    def unit(v, b):
        return clamp(wrapped(v + (1 << k - b - 1)) >> (k - b), -256, 256)

    inputs = []
    some = [(dx, dy) for dx, dy in OFFSETS if ((dy, dx) < (0, 0) if raster else (dx + dy) % 2)]
    for first, count, offsets, whole in ((*known, OFFSETS[:T], True), (*half, some[:T], False)):
        seen = planes[first:first + count]
        taps = [[value(plane, x + dx, y + dy, whole) for plane in seen] for dx, dy in offsets]
        centres = [plane[y][x] for plane in seen] if whole else [wrapped(sum(v)) >> 2 for v in zip(*taps[:4])]
        inputs += [unit(wrapped(v - centre), 2) for tap in taps for v, centre in zip(tap, centres)]
        inputs += [unit(centre, b) for b in (1, 3) for centre in centres]
    return inputs


def unfactor(planes, words, side, stack, model, k):
    popped = []
    for table in reversed(tables_of(words)):
        values = [stack.pop_base(k, table) for _ in range(side * side)][::-1]
        popped.append([values[i * side:(i + 1) * side] for i in range(side)])
    return planes + popped[::-1]


def undraw(planes, words, side, stack, model, k):
    tables = tables_of(words)
    for plane, table in reversed(list(zip(planes, tables))):
        for y, x in reversed(places("all", side)):
            stack.push_noise(plane[y][x], k, table)
    return planes[len(tables):]


# Samples given latents
def unobserve(sizes, D):
    if len(sizes) == 3:
        sizes = [sizes[1], sizes[0], sizes[2]]

    def undo(planes, words, side, stack, model, k):
        m, K, T, b = (int(words[i]) for i in (1, 3, 5, 7))
        entries, C, noise, half = [int(word) for word in words[8:]], len(sizes), k + 8 - D, 1 << D - 1
        rows = [entries[c * 5 * b:(c + 1) * 5 * b] for c in range(C)]
        popped = [[[0] * side for _ in range(side)] for _ in sizes]
        for y, x in places("all", side):
            inputs = context(planes, x, y, side, T, (0, b), (0, 0), k)
            outputs = network(model.chains[m], inputs, model.high)
            P, near = [], [(reflect(y + dy, side), reflect(x + dx, side)) for dx, dy in [(0, 0)] + OFFSETS[:4]]
            seen = [plane[i][j] for i, j in near for plane in planes[:b]]
            for c, row in enumerate(rows):
                total = wrapped(sum(map(mul, row, seen)))
                p = clamp(total >> 12, -half << noise, (half << noise) - 1)
                P.append((p >> noise) + half)
                for i in range(K * (1 + c), K * (2 + c)):
                    outputs[i] = min(outputs[i] + (p % (1 << noise) >> k - 6), 32767)
            for plane, symbol in zip(popped, mixture(outputs, K, [], P, sizes, D, stack)):
                plane[y][x] = symbol - half << noise
        return planes + popped

    return undo


# Dequantization
def push_noise(planes, chains, stack):
    C = len(planes)
    for step in reversed(range(2 * C)):
        plane, changed = planes[step % C], places(("even", "odd")[step // C], SIDE)
        noise = [plane[y][x] % 64 for y, x in changed]
        for y, x in changed:
            plane[y][x] += 32 - plane[y][x] % 64
        contexts = [noise_context(planes, x, y) for y, x in changed]
        distributions = [distribution(*network(chains[step], inputs, 2047)) for inputs in contexts]
        for u, below in reversed(list(zip(noise, distributions))):
            stack.push(below(u), below(u + 1))


def noise_context(planes, x, y):
    middles = [plane[y][x] // 64 * 64 + 32 for plane in planes]
    inputs = []
    for dx, dy in AROUND:
        taps = (plane[reflect(y + dy, SIDE)][reflect(x + dx, SIDE)] for plane in planes)
        inputs += [clamp(tap - middle, -256, 256) for tap, middle in zip(taps, middles)]
    return inputs + [clamp(4 * (plane[y][x] % 64 - 32), -256, 256) for plane in planes]


def distribution(a, e):
    e = clamp(e, -256, 192)
    h = 32 + (factor(e) >> 2)
    b, inverse = clamp(a, -h, h) + 32, factor(-e)

    def G(u):
        return sigma((u - b) * inverse)

    within = G(64) - G(0)
    return lambda u: u + (G(u) - G(0)) * (2**24 - 64) // within if within else u << 18
