"""FORMAT.md, section "Learning": a network that changes with what is decoded."""

from operator import mul
from types import SimpleNamespace

from basics import clamp, eight

BITS = {"logit": 8, "mean": 7, "logscale": 7, "coefficient": 3}
GAIN = {"logit": 0, "mean": 2, "logscale": 0, "coefficient": -2}
# Of the first layer, of those between, and of the last of several: `most`, `place`.
UNITS = [(128, 0), (255, 1), (255, 3)]


def group(output, K, C):
    names = ["logit"] + ["mean"] * C + ["logscale"] * C + ["coefficient"] * (C * (C - 1) // 2)
    return names[output // K]


def halved(v, s):
    """`v / 2^s`, rounded; `s` may be negative."""
    return (v + (1 << (s - 1))) >> s if s > 0 else v << -s


class Parameter:
    """The value and the momentum of a weight, or of a row."""

    def __init__(self, v0):
        self.v0 = self.v = v0
        self.m = 0

    def update(self, G, step, pull, limit):
        g = clamp((G + 32) >> 6, -2047, 2047)
        a = (self.m + 4) >> 3
        self.m += g - a
        c = 2 * a + g
        self.v -= step * ((c > 0) - (c < 0))
        self.v = clamp(self.v - halved(self.v - self.v0, pull), -limit, limit)


class Learner:
    def __init__(self, model, chunk, step, pull):
        self.model, self.chunk, self.pull = model, chunk, pull
        self.pixels = []  # of the chunk: the activations, and the errors of the outputs
        self.layers = []
        for index, rows in enumerate(model.layers):
            first, last = index == 0, index == len(model.layers) - 1
            names = [group(row, model.K, model.C) if last else None for row in range(len(rows))]
            worth = [row[2] + BITS.get(name, 0) for row, name in zip(rows, names)]
            log = (len(rows) - 1).bit_length()
            most, place = UNITS[0 if first else 2 if last else 1]
            layer = SimpleNamespace(
                first=first, most=most, flags=16 if first else 0,
                weights=[[Parameter(weight << 16) for weight in row[0]] for row in rows],
                offsets=[Parameter(0) for _ in rows],
                biases=[row[1] for row in rows], shifts=[row[2] for row in rows],
                steps=[1 << clamp(row[2] + step + GAIN.get(name, 0) + place, 0, 20)
                       for row, name in zip(rows, names)],
                e=[8 - log - (w - min(worth)) for w in worth])
            self.layers.append(layer)
            self.use(layer)
            S = sum(v * v for row in layer.lifted for v in row)
            inputs = len(layer.weights[0])
            layer.s = max([s for s in range(24) if 4**s <= 2 * S // inputs], default=0)

    def use(self, layer):
        """What the network is made of, from the values."""
        layer.rounded = [[(p.v + (1 << 15)) >> 16 for p in row] for row in layer.weights]
        layer.lifted = [[halved(weight, -e) for weight in row] for row, e in zip(layer.rounded, layer.e)]
        layer.used = [bias + halved(p.v, 12) for bias, p in zip(layer.biases, layer.offsets)]

    def run(self, x):
        """The activations of all layers, the context first and the outputs last."""
        activations = [x]
        for layer in self.layers:
            low, high = (-32768, 32767) if layer is self.layers[-1] else (0, self.model.high)
            rows = zip(layer.rounded, layer.used, layer.shifts)
            x = [clamp((bias + sum(map(mul, x, weight))) >> shift, low, high) for weight, bias, shift in rows]
            activations.append(x)
        return activations

    def learn(self, activations, trace, normal, D):
        self.pixels.append((activations, errors(activations[-1], trace, self.model.K, self.model.C, normal, D)))
        if len(self.pixels) == self.chunk:
            self.update()
            self.pixels = []

    def update(self):
        E = [pixel_errors for _, pixel_errors in self.pixels]
        for index in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[index]
            X = [activations[index] for activations, _ in self.pixels]
            columns = list(zip(*layer.lifted))
            before = [] if layer.first else [
                [clamp(halved(sum(map(mul, e, column)), layer.s), -255, 255) if 0 < y < layer.most else 0
                 for y, column in zip(x, columns)] for e, x in zip(E, X)]
            inputs = list(zip(*X))
            learned = len(inputs) - layer.flags
            for weights, offset, step, e in zip(layer.weights, layer.offsets, layer.steps, zip(*E)):
                for i, (weight, x) in enumerate(zip(weights, inputs)):
                    if i < learned or any(x):
                        weight.update(sum(map(mul, x, e)), step, self.pull, 127 << 16)
                offset.update(sum(e) << 4, step, self.pull, 1 << 30)
            self.use(layer)
            self.keep_bound(layer)
            E = before

    def keep_bound(self, layer):
        while True:
            broken = [weights for weights, rounded, bias in zip(layer.weights, layer.rounded, layer.biases)
                      if layer.most * sum(map(abs, rounded)) + abs(bias) + (1 << 20) >= 1 << 24]
            if not broken:
                return
            for weight in (weight for weights in broken for weight in weights):
                away = weight.v - weight.v0
                weight.v = weight.v0 + (abs(away) // 2) * (1 if away > 0 else -1)
            self.use(layer)


# Errors
def errors(outputs, trace, K, C, normal, D):
    def error(output, d, n, limits=(-32768, 32767)):
        E[output] = clamp(halved(d, n), -255, 255) if limits[0] <= outputs[output] <= limits[1] else 0

    sign, shift = normal

    E = [0] * len(outputs)
    for k in range(K):
        q = trace.posterior[k]
        error(k, 177 * (trace.prior[k] - q), 20, (-2048, 2047))
        pair = 1 + 2 * C
        for c, (x, low, high, parts, R) in enumerate(trace.channels):
            (mu, inverse), l, u = parts[k], low[k], high[k]
            balance = u + l - (1 << 24)
            distance = clamp((((x << (18 - D)) - mu) * inverse) >> 12, -(1 << 20), 1 << 20)
            spread = (u * ((1 << 24) - u) + l * ((1 << 24) - l)) >> 24
            width = ((distance * balance) >> 24) - min(((inverse * spread) >> 3) // max(u - l, 1), 1 << 22)
            slope = -((q * ((inverse * balance) >> 26)) >> 12)
            error((1 + c) * K + k, sign * slope, 17 + shift)
            error((1 + C + c) * K + k, -177 * q * width, 37, (64 * shift - 384, 64 * shift + 511))
            for residual in R:
                error(pair * K + k, slope * eight(residual, D), 21, (-128, 128))
                pair += 1
    return E
