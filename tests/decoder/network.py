"""FORMAT.md, sections "Network" and "Known-answer test"."""

import math
import os
import struct
from functools import cached_property, lru_cache
from hashlib import sha256
from operator import mul
from pathlib import Path
from typing import NamedTuple

from basics import FormatError, require


HALF = 1 << 31


def raised(numbers):
    """Numbers from -2^31 to 2^31 - 1 side by side in one: the sum of each plus 2^31, times a power of 2^32."""
    words = struct.pack("<%dI" % len(numbers), *[number + HALF for number in numbers])
    return int.from_bytes(words, "little")


class Layer(list):
    """Weights, bias and shift by row. All rows are evaluated together, in large numbers: Python has no faster products."""

    @cached_property
    def columns(self):
        """For each input, the weights of all rows."""
        zeros = raised([0] * len(self))
        return [raised(column) - zeros for column in zip(*(weights for weights, _, _ in self))]

    @cached_property
    def biases(self):
        """The biases of all rows, raised so that no sum is negative."""
        return raised([bias for _, bias, _ in self])

    def sums(self, x):
        """The sums of products and bias of all rows."""
        together = sum(map(mul, x, self.columns), self.biases).to_bytes(4 * len(self), "little")
        return [number - HALF for number in struct.unpack("<%dI" % len(self), together)]


class Model(NamedTuple):
    chains: list  # the layers of the network; of a flow, those of each phase
    C: int
    K: int
    context: str
    known_answers: list
    program: str = None  # of the family bits-back

    @property
    def layers(self):
        return self.chains[0]

    @property
    def high(self):
        """The largest output of a hidden layer."""
        return 2047 if self.program else 255


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


def onnx(data):
    """The tensors of an ONNX file, each its sizes and raw data, and the file's metadata."""
    tensors, properties = {}, {}
    for field, value in protobuf(data):
        if field == 7:  # graph
            for tensor in (list(protobuf(part)) for number, part in protobuf(value) if number == 5):
                fields = dict(tensor)  # 1 sizes (repeated), 8 name, 9 raw data
                sizes = [part for number, part in tensor if number == 1]
                tensors[fields[8].decode()] = sizes, fields.get(9, b"")
        elif field == 14:  # metadata_props
            entry = dict(protobuf(value))
            properties[entry[1].decode()] = entry[2].decode()
    return tensors, properties


def layers_of(tensors, prefix):
    """The layers, each a list of weights, bias and shift by row."""
    layers = []
    while "%sweight_%d" % (prefix, len(layers)) in tensors:
        (inputs, rows), weight = tensors["%sweight_%d" % (prefix, len(layers))]
        weight = struct.unpack("<%db" % (inputs * rows), weight)
        bias = struct.unpack("<%di" % rows, tensors["%sbias_%d" % (prefix, len(layers))][1])
        scale = struct.unpack("<%df" % rows, tensors["%sscale_%d" % (prefix, len(layers))][1])
        shift = [1 - math.frexp(v)[1] for v in scale]
        require(list(scale) == [2.0 ** -v for v in shift] and 0 <= min(shift) <= max(shift) <= 23, "a wrong scale")
        layers.append(Layer((weight[row::rows], bias[row], shift[row]) for row in range(rows)))
    require(all(len(b[0][0]) == len(a) for a, b in zip(layers, layers[1:])), "the model is not a chain")
    return layers


def read_model(path):
    try:
        tensors, properties = onnx(path.read_bytes())
        if properties["ansel.family"] == "bits-back":
            return read_program_model(tensors, properties, path)
        family, context = properties["ansel.family"], properties["ansel.context"]
        kinds = [("autoregressive", kind) for kind in ("repeats", "normalized")] + [("flow", "levels")]
        known = (family, context) in kinds and properties["ansel.version"] == "1"
        require(known, "%s is not a model of this version" % path)
        C, K = int(properties["ansel.channels"]), int(properties["ansel.components"])
        require(C in (1, 3) and 1 <= K <= 10, "%s has a wrong shape" % path)
        outputs = K * (1 + 2 * C + C * (C - 1) // 2) + (11 if context == "repeats" else 0)
        if family == "flow":
            sizes = [("phase%d." % phase, C * (T + 1) + 1) for phase, T in enumerate((16, 24, 40))]
        else:
            sizes = [("", 25 * C + {"repeats": 2 * C + 66, "normalized": 16}[context])]
        chains = [layers_of(tensors, prefix) for prefix, _ in sizes]
        for layers, (_, inputs) in zip(chains, sizes):
            require((len(layers[0][0][0]), len(layers[-1])) == (inputs, outputs), "%s has a wrong shape" % path)
        answers = properties["ansel.known_answer"].split(" ")
        require(len(answers) == len(chains), "%s has not an answer for each network" % path)
        return Model(chains, C, K, context, answers)
    except (LookupError, ValueError, TypeError, AttributeError, struct.error):
        raise FormatError("%s is not a model" % path) from None


def read_program_model(tensors, properties, path):
    """Section "Programs"."""
    answers = properties["ansel.known_answer"].split(" ")
    chains = [layers_of(tensors, "net%d." % index) for index in range(len(answers))]
    require(properties["ansel.version"] == "1" and all(chains), "%s is not a model of this version" % path)
    return Model(chains, int(properties["ansel.channels"]), 0, "program", answers, properties["ansel.program"])


@lru_cache(None)
def model(name, folder):
    """The model of this name. (This decoder takes any model of the folders for one of the registry.)"""
    for path in (path for part in folder.split(os.pathsep) for path in sorted(Path(part).glob("*.onnx"))):
        if sha256(path.read_bytes()).digest()[:16] == name:
            return read_model(path)
    raise FormatError("no model in %s has the SHA-256 %s..." % (folder, name[:4].hex()))


# Network
def network(layers, x, high):
    for layer in layers:
        low, top = (-32768, 32767) if layer is layers[-1] else (0, high)
        shifted = [total >> shift for total, (_, _, shift) in zip(layer.sums(x), layer)]
        x = [low if y < low else top if y > top else y for y in shifted]
    return x


# Bias offsets
def with_offsets(model, data):
    """The model with offsets added to its biases."""
    bits = [byte >> bit & 1 for byte in data for bit in range(8)]
    position = 0

    def take(count):
        nonlocal position
        require(position + count <= len(bits), "the offsets end too early")
        position += count
        return sum(bit << place for place, bit in enumerate(bits[position - count:position]))

    def delta(k, shift):
        zeros = 0
        while not take(1):
            zeros += 1
        u = zeros << k | take(k)
        n = -(u + 1 >> 1) if u & 1 else u >> 1
        require(zeros <= 1 << 20 and abs(n << shift + 1) <= 1 << 20, "an offset is too large")
        return n << shift + 1

    layers = []
    require(len(model.chains) == 1, "a flow has bias offsets")
    for rows in model.chains[0]:
        k = take(4)
        layers.append(Layer((weight, bias + delta(k, shift), shift) for weight, bias, shift in rows))
    require(len(bits) - position < 8 and not any(bits[position:]), "bytes behind the offsets")
    return model._replace(chains=[layers])


# Known-answer test
def splitmix64(state):
    while True:
        state = (state + 0x9e3779b97f4a7c15) % 2**64
        z = ((state ^ state >> 30) * 0xbf58476d1ce4e5b9) % 2**64
        z = ((z ^ z >> 27) * 0x94d049bb133111eb) % 2**64
        yield z ^ z >> 31


def known_answer_test(layers, high):
    z = splitmix64(0x616e73656c)
    inputs = len(layers[0][0][0])
    most = 127 if high == 255 else 255
    contexts = [[(next(z) % (2 * most + 1) - most) >> (n % 8) for _ in range(inputs)] for n in range(1024)]
    seeded = [Layer((weight, bias + next(z) % 2049 - 1024, shift) for weight, bias, shift in layer) for layer in layers]
    digest = sha256()
    for chain in (layers, seeded):
        for x in contexts:
            digest.update(struct.pack("<%dh" % len(chain[-1]), *network(chain, x, high)))
    return digest.hexdigest()
