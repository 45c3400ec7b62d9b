#!/usr/bin/env python3
"""A second decoder of the ansel format, written from src/container/FORMAT.md alone, in its order.

    python3 decode.py FILE.ansel MODELS_FOLDER OUT.ppm     decode to a binary PPM (grey: PGM)
    python3 decode.py --known-answer MODELS_FOLDER         run the known-answer test of each model

It needs Python 3.9 and nothing else. It is meant to be read and to be compared with, not to be fast: it decodes
some hundreds of pixels per second. Metadata is checked and then dropped. Exit code: 0 success, 1 a file that is
missing or that the format calls an error, 2 wrong usage.
"""

import math
import struct
import sys
import zlib
from decimal import Decimal, localcontext
from hashlib import sha256
from operator import mul
from pathlib import Path
from types import SimpleNamespace

class FormatError(Exception):
    """An input that the format calls an error."""

def require(condition, message):
    if not condition:
        raise FormatError(message)

def clamp(x, a, b):
    return min(max(x, a), b)

def checksum(data):
    return sha256(data).digest()[:8]

# File
def file(data, folder):
    """Decodes a file: its header and its samples, row after row, channels interleaved."""
    head = header(data)
    position = head.size
    for kind, stored, uncompressed, check in head.metadata:
        metadata(kind, data[position:position + stored], uncompressed, check)
        position += stored
    layers, K = model(head.model, head.channels, folder)
    samples = bytearray(head.width * head.height * head.channels)
    for tile, (_, length, check) in zip(tiles(head), head.tiles):
        stream = Stream(struct.unpack("<%dI" % (length // 4), data[position:position + length]))
        position += length
        decode_tile(head, tile, stream, layers, K, check, samples)
    return head, samples

# Header
def header(data):
    require(data[:8] == bytes.fromhex("89414e534c0d0a1a"), "not an ansel file")
    require(len(data) >= 48, "the header is truncated")
    (version, flags, width, height, channels, depth, family, transform, _, reserved, model_checksum, tile_width,
     tile_height, T, M, tail) = struct.unpack("<HHIIBBBBHH8sHHIB3s", data[8:48])
    require(version == 0, "format version %d is not known" % version)
    require(flags == 0 and transform == 0 and reserved == 0 and tail == bytes(3), "a reserved field is not 0")
    require(width >= 1 and height >= 1, "the image is empty")
    require(channels in (1, 3), "%d channels are not known" % channels)
    require(depth == 8, "a depth of %d bits is not known" % depth)
    require(family == 1, "model family %d is not known" % family)
    require(1 <= tile_width <= min(4096, width), "the tile width is out of range")
    require(1 <= tile_height <= min(4096, height), "the tile height is out of range")
    require(T == -(-width // tile_width) * -(-height // tile_height), "the number of tiles is wrong")
    require(M <= 8, "more than 8 metadata blocks")
    size = 48 + 17 * M + 14 * T + 8
    require(len(data) >= size, "the header is truncated")
    require(checksum(data[:size - 8]) == data[size - 8:size], "the checksum of the header differs")

    metadata_table = list(struct.iter_unpack("<BII8s", data[48:48 + 17 * M]))
    kinds = [entry[0] for entry in metadata_table]
    require(set(kinds) <= {1, 2, 3, 4, 5}, "a kind of metadata is not known")
    require(kinds == sorted(set(kinds)), "the metadata blocks are out of order")
    require(all(entry[1] <= entry[2] for entry in metadata_table), "a metadata block is longer than its content")
    tile_table = list(struct.iter_unpack("<HI8s", data[48 + 17 * M:size - 8]))
    require(all(side == 0 for side, _, _ in tile_table), "a reserved field is not 0")
    require(all(length % 4 == 0 for _, length, _ in tile_table), "a stream is not a sequence of words")
    end = size + sum(entry[1] for entry in metadata_table + tile_table)
    require(len(data) >= end, "the file is truncated")
    require(len(data) <= end, "bytes follow the last stream")
    return SimpleNamespace(size=size, width=width, height=height, channels=channels, depth=depth, model=model_checksum,
                           tile_width=tile_width, tile_height=tile_height, metadata=metadata_table, tiles=tile_table)

# Metadata
def metadata(kind, block, uncompressed, check):
    require(checksum(block) == check, "the checksum of metadata block %d differs" % kind)
    if len(block) != uncompressed:
        stream = zlib.decompressobj()
        try:
            block = stream.decompress(block, uncompressed + 1)
        except zlib.error:
            raise FormatError("metadata block %d is not a zlib stream" % kind) from None
        whole = stream.eof and not stream.unused_data and len(block) == uncompressed
        require(whole, "metadata block %d has another size" % kind)
    return block

# Tiles
def tiles(head):
    """Left, top, columns and rows of each tile."""
    for top in range(0, head.height, head.tile_height):
        for left in range(0, head.width, head.tile_width):
            yield (left, top, min(head.tile_width, head.width - left), min(head.tile_height, head.height - top))

def decode_tile(head, tile, stream, layers, K, check, samples):
    left, top, w, h = tile
    C, D = head.channels, head.depth
    rows = [[None] * w for _ in range(h)]
    for x, y in coding_order(w, h):
        s = border(rows, w, C, D)
        P = prediction(s, x, y, C)
        outputs = network(layers, context(s, x, y, P, C, D))
        rows[y][x] = mixture(outputs, K, P, C, D, stream)
    where = "the tile at %d, %d" % (left, top)
    require(stream.finished(), "the stream of %s does not end with its last sample" % where)
    flat = [sample for row in rows for pixel in row for sample in pixel]
    require(checksum(struct.pack("<%dH" % len(flat), *flat)) == check, "the checksum of %s differs" % where)
    for y in range(h):
        start = ((top + y) * head.width + left) * C
        samples[start:start + w * C] = bytes(flat[y * w * C:(y + 1) * w * C])

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
    for t in range((w - 1) + 4 * (h - 1) + 1):
        for y in range(max(0, (t - w + 4) // 4), min(h - 1, t // 4) + 1):
            yield t - 4 * y, y

# Prediction and context
TAPS = [(dx, dy) for dy in (-3, -2, -1) for dx in range(-3, 4)] + [(dx, 0) for dx in (-3, -2, -1)]

def prediction(s, x, y, C):
    around = zip(s(x - 1, y), s(x, y - 1), s(x - 1, y - 1))
    return [clamp(N + W - NW, min(N, W), max(N, W)) for W, N, NW in around]

def context(s, x, y, P, C, D):
    taps = [(sample - P[c]) >> (D - 8) for dx, dy in TAPS for c, sample in enumerate(s(x + dx, y + dy))]
    return taps + [(P[c] - (1 << (D - 1))) >> (D - 8) for c in range(C)]

# Network
def protobuf(data):
    """The fields of a protobuf message: numbers and values, unsigned integers or bytes."""
    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    position = 0
    while position < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        require(key & 7 in (1, 2, 5), "the model is not a protobuf message")
        size = varint() if key & 7 == 2 else 8 if key & 7 == 1 else 4
        require(size <= len(data) - position, "the model is truncated")
        yield key >> 3, data[position:position + size]
        position += size

def read_model(path):
    """The layers of an ONNX file, each a list of weights, bias and shift by row; and the file's metadata."""
    tensors, properties, layers = {}, {}, []
    try:
        for field, value in protobuf(path.read_bytes()):
            if field == 7:  # graph
                for tensor in (list(protobuf(part)) for number, part in protobuf(value) if number == 5):
                    fields = dict(tensor)  # 1 sizes (repeated), 8 name, 9 raw data
                    sizes = [part for number, part in tensor if number == 1]
                    tensors[fields[8].decode()] = sizes, fields.get(9, b"")
            elif field == 14:  # metadata_props
                entry = dict(protobuf(value))
                properties[entry[1].decode()] = entry[2].decode()
        while "weight_%d" % len(layers) in tensors:
            (inputs, rows), weight = tensors["weight_%d" % len(layers)]
            weight = struct.unpack("<%db" % (inputs * rows), weight)
            bias = struct.unpack("<%di" % rows, tensors["bias_%d" % len(layers)][1])
            scale = struct.unpack("<%df" % rows, tensors["scale_%d" % len(layers)][1])
            shift = [1 - math.frexp(v)[1] for v in scale]
            require(list(scale) == [2.0 ** -v for v in shift] and min(shift) >= 0, "%s has a wrong scale" % path)
            layers.append([(weight[row::rows], bias[row], shift[row]) for row in range(rows)])
        require(all(len(b[0][0]) == len(a) for a, b in zip(layers, layers[1:])), "%s is not a chain" % path)
        require(layers and {"ansel.components", "ansel.known_answer"} <= set(properties), "%s has no model" % path)
    except (LookupError, ValueError, TypeError, AttributeError, struct.error):
        raise FormatError("%s is not a model of this family" % path) from None
    return layers, properties

def network(layers, x):
    for layer in layers:
        low, high = (-32768, 32767) if layer is layers[-1] else (0, 2047)
        x = [clamp((bias + sum(map(mul, x, weight))) >> shift, low, high) for weight, bias, shift in layer]
    return x

def model(model_checksum, C, folder):
    """The layers and the number of components of the model with a checksum."""
    for path in sorted(Path(folder).glob("*.onnx")):
        if checksum(path.read_bytes()) == model_checksum:
            layers, properties = read_model(path)
            K = int(properties["ansel.components"]) if properties["ansel.components"].isdecimal() else 0
            fits = len(layers[0][0][0]) == 25 * C and len(layers[-1]) == K * (1 + 2 * C + C * (C - 1) // 2)
            require(fits, "%s does not fit an image of %d channels" % (path, C))
            return layers, K
    raise FormatError("no model in %s has the checksum %s" % (folder, model_checksum.hex()))

def groups_of(outputs, K, C):
    """Logits; by channel: means, log2 of the scales, and coefficients for each channel before it."""
    group = [outputs[k:k + K] for k in range(0, len(outputs), K)]
    logits = [clamp(v, -2048, 2047) for v in group[0]]
    means = group[1:1 + C]
    logscales = [[clamp(v, -384, 511) for v in g] for g in group[1 + C:1 + 2 * C]]
    rest = iter([[clamp(v, -128, 128) for v in g] for g in group[1 + 2 * C:]])
    return logits, means, logscales, [[next(rest) for _ in range(c)] for c in range(C)]

# Mixture
def exp2(e, f):
    octave, step = e >> 6, e & 63
    shift = octave + f - 16
    return EXP2[step] << shift if shift >= 0 else EXP2[step] >> -shift

def mixture(outputs, K, P, C, D, stream):
    """Decodes the channels of a pixel."""
    logits, means, logscales, coefficients = groups_of(outputs, K, C)
    weights = normalise([exp2(logit - max(logits), 31) for logit in logits])
    pixel = []
    for c in range(C):
        R = [pixel[j] - P[j] for j in range(c)]
        parts = components(means[c], logscales[c], coefficients[c], R, P[c], D)
        x, low, high = stream.sample(weights, parts, D)
        pixel.append(x)
        if c + 1 < C:
            weights = posterior(weights, low, high)
    return pixel

# Weights
def normalise(v):
    z = 64 - sum(v).bit_length()
    u = [(v_k << z) >> 32 for v_k in v]
    r = (1 << 52) // sum(u)
    return [(u_k * r) >> 32 for u_k in u]

# Components
def components(means, logscales, coefficients, R, P, D):
    """`mu` and `inverse` of each component."""
    parts = []
    for k, (mean, logscale) in enumerate(zip(means, logscales)):
        m = mean + ((P << 6) >> (D - 8)) + sum((R[j] * coefficients[j][k]) >> (D - 8) for j in range(len(R)))
        parts.append((m << 4, exp2(-logscale, 18)))
    return parts

# Posterior
def posterior(weights, low, high):
    v = [weight * (b - a) for weight, a, b in zip(weights, low, high)]
    return normalise(v) if any(v) else weights

# CDF
def logistic(x, mu, inverse, D):
    edge = (2 * x - 1) << (17 - D)
    a = clamp(((edge - mu) * inverse) >> 12, -(1 << 20), (1 << 20) - 1) + (1 << 20)
    i, f = a >> 11, a & 2047
    return SIGMA[i] + (((SIGMA[i + 1] - SIGMA[i]) * f) >> 11)

def cumulative(x, weights, parts, D):
    """The cumulative count of a sample, and the logistic functions of the components at its lower edge."""
    if x == 0:
        return 0, [0] * len(parts)
    if x == 1 << D:
        return 1 << 24, [1 << 24] * len(parts)
    L = [logistic(x, mu, inverse, D) for mu, inverse in parts]
    F = sum(map(mul, weights, L)) >> 20
    return x + ((F * ((1 << 24) - (1 << D))) >> 24), L

# Streams
class Stream:
    def __init__(self, words):
        require(not words or words[-1] != 0, "the last word of a stream is 0")
        self.words = list(words)
        self.A = self.words.pop() if self.words else 0
        if self.words:
            self.A = (self.A << 32) + self.words.pop()

    def sample(self, weights, parts, D):
        """The next sample, and the logistic functions of the components at its two edges."""
        q = self.A & 0xffffff
        x, (start, low) = 0, cumulative(0, weights, parts, D)
        above, (end, high) = 1 << D, cumulative(1 << D, weights, parts, D)
        while above - x > 1:
            middle = (x + above) // 2
            count, L = cumulative(middle, weights, parts, D)
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

# Known-answer test
def splitmix64(state):
    while True:
        state = (state + 0x9e3779b97f4a7c15) % 2**64
        z = ((state ^ state >> 30) * 0xbf58476d1ce4e5b9) % 2**64
        z = ((z ^ z >> 27) * 0x94d049bb133111eb) % 2**64
        yield z ^ z >> 31

def known_answer_test(layers):
    z = splitmix64(0x616e73656c)
    inputs = len(layers[0][0][0])
    contexts = [[(next(z) % 511 - 255) >> (row % 8) for _ in range(inputs)] for row in range(1024)]
    moved = [[(weight, bias + next(z) % 2049 - 1024, shift) for weight, bias, shift in layer] for layer in layers]
    digest = sha256()
    for chain in (layers, moved):
        for x in contexts:
            digest.update(struct.pack("<%dh" % len(chain[-1]), *network(chain, x)))
    return digest.hexdigest()

# Constants
def constants():
    with localcontext() as exact:
        exact.prec = 50
        sigma = [int((2**24 / (1 + (16 - Decimal(i) / 32).exp())).to_integral_value()) for i in range(1025)]
        powers = [int((2**16 * Decimal(2) ** (Decimal(i) / 64)).to_integral_value()) for i in range(64)]
    for name, table, digest in (
            ("SIGMA", sigma, "a345c2c21840c24a6fe643d76719f0604b9ea93ba181ce03fee80c82347326f5"),
            ("EXP2", powers, "359410ea5d0b5c5339a97cdd4c6b9dbc3186f056f82209c4c90f73078cfd5f52")):
        require(sha256(struct.pack("<%dI" % len(table), *table)).hexdigest() == digest, name + " differs")
    return sigma, powers

SIGMA, EXP2 = constants()

# Command line
def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--known-answer":
        for path in sorted(Path(arguments[1]).glob("*.onnx")):
            layers, properties = read_model(path)
            require(known_answer_test(layers) == properties["ansel.known_answer"], "%s: another answer" % path)
            print("%s: the known answer" % path)
    elif len(arguments) == 3:
        source, folder, target = arguments
        head, samples = file(Path(source).read_bytes(), folder)
        start = "%s\n%d %d\n255\n" % ("P5" if head.channels == 1 else "P6", head.width, head.height)
        Path(target).write_bytes(start.encode() + samples)
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
