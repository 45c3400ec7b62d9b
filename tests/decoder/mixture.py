"""FORMAT.md, sections "Mixture", "CDF" and "Constants"."""

import math
import struct
from decimal import Decimal, localcontext
from hashlib import sha256
from operator import mul

from basics import clamp, eight, require


# Network: the table of groups
def groups_of(outputs, K, C, shift):
    """Logits, of the candidates, too; by channel: means, log2 of the scales, and coefficients for each channel before
    it."""
    end = K * (1 + 2 * C + C * (C - 1) // 2)
    group = [outputs[k:k + K] for k in range(0, end, K)]
    logits = [clamp(v, -2048, 2047) for v in group[0] + outputs[end:]]
    means = group[1:1 + C]
    logscales = [[clamp(v - 64 * shift, -384, 511) for v in g] for g in group[1 + C:1 + 2 * C]]
    rest = iter([[clamp(v, -128, 128) for v in g] for g in group[1 + 2 * C:]])
    return logits, means, logscales, [[next(rest) for _ in range(c)] for c in range(C)]


# Mixture
def exp2(e, f):
    octave, step = e >> 6, e & 63
    shift = octave + f - 16
    return EXP2[step] << shift if shift >= 0 else EXP2[step] >> -shift


def mixture(*arguments, **learning):
    """Decodes the channels of a pixel, one after the other."""
    return pixels_of([channels(*arguments, **learning)], 1)[0]


def pixels_of(all_channels, size, choose=lambda lane: None):
    """The pixels of these `channels`: block after block of so many pixels, within one channel after channel, lane after
    lane."""
    pixels = []
    for first in range(0, len(all_channels), size):
        left = list(enumerate(all_channels[first:first + size]))
        while left:
            going_on = []
            for lane, decoded in left:
                choose(lane)
                try:
                    next(decoded)
                    going_on.append((lane, decoded))
                except StopIteration as end:
                    pixels.append(end.value)
            left = going_on
    return pixels


def channels(outputs, K, candidates, P, sizes, D, stream, normal=(1, 0), trace=None, counts=None, above=None):
    """Decodes a channel of a pixel, whose context has a sign and a shift, `normal`, each time it is asked to; at last gives
    all. Where a network learns, `trace` takes note of what it learns from, and `counts` are those of the tile, `above` the
    pixel above."""
    C = len(sizes)
    logits, means, logscales, coefficients = groups_of(outputs, K, C, normal[1])
    weights = normalise([exp2(logit - max(logits), 31) for logit in logits])
    pixel = []
    if trace:
        trace.prior = weights
    for c in range(C):
        R = [pixel[j] - P[j] for j in range(c)]
        parts = components(means[c], logscales[c], coefficients[c], R, P[c], D, normal)
        cdf = Cdf(weights, parts, [candidate[c] for candidate in candidates], sizes[c], D)
        x, low, high = counts.symbol(stream, cdf, pixel, above[c]) if counts else stream.symbol(cdf)
        pixel.append(x)
        if trace:
            trace.channels.append((x, low, high, parts, R))
        if trace or c + 1 < C:
            weights = posterior(weights, low, high)
        yield
    if trace:
        trace.posterior = weights
    return pixel


# Weights
def normalise(v):
    z = 64 - sum(v).bit_length()
    u = [(v_k << z) >> 32 for v_k in v]
    r = (1 << 52) // sum(u)
    return [(u_k * r) >> 32 for u_k in u]


# Components
def components(means, logscales, coefficients, R, P, D, normal):
    """`mu` and `inverse` of each logistic component."""
    parts = []
    sign, shift = normal
    for k, (mean, logscale) in enumerate(zip(means, logscales)):
        m = eight(P << 6, D) + sum(eight(residual * row[k], D) for residual, row in zip(R, coefficients))
        parts.append((((sign * mean << 4) >> shift) + (m << 4), exp2(-logscale, 18)))
    return parts


# Posterior
def posterior(weights, low, high):
    v = [weight * (b - a) for weight, a, b in zip(weights, low, high)]
    return normalise(v) if any(v) else weights


# CDF
def sigma(a):
    a = clamp(a, -(1 << 20), (1 << 20) - 1) + (1 << 20)
    i, f = a >> 11, a & 2047
    return SIGMA[i] + (((SIGMA[i + 1] - SIGMA[i]) * f) >> 11)


class Cdf:
    def __init__(self, weights, parts, pins, size, D):
        self.weights, self.parts, self.pins, self.size, self.D = weights, parts, pins, size, D

    def logistic(self, x, mu, inverse):
        if x == 0 or x == self.size:
            return (1 << 24) * (x > 0)
        edge = (2 * x - 1) << (17 - self.D)
        return sigma(((edge - mu) * inverse) >> 12)

    def cumulative(self, x):
        """The cumulative count of a symbol, and `L` of the components at its lower edge."""
        L = [self.logistic(x, mu, inverse) for mu, inverse in self.parts]
        L += [(1 << 24) * (x > p) for p in self.pins]
        if x == 0 or x == self.size:
            return (1 << 24) * (x > 0), L
        F = sum(map(mul, self.weights, L)) >> 20
        return x + ((F * ((1 << 24) - self.size)) >> 24), L


# Constants
def constants():
    with localcontext() as exact:
        exact.prec = 50
        sigma = [int((2**24 / (1 + (16 - Decimal(i) / 32).exp())).to_integral_value()) for i in range(1025)]
        powers = [int((2**16 * Decimal(2) ** (Decimal(i) / 64)).to_integral_value()) for i in range(64)]
        logarithms = [int((2**16 * (1 + Decimal(i) / 512).ln()).to_integral_value()) for i in range(512)]
    # No entry is so near a half that float64 does not decide it, as the digest shows.
    gauss = [round(2**23 * math.erfc((16 - i / 32) / math.sqrt(2))) for i in range(1025)]
    for name, table, digest in (
            ("SIGMA", sigma, "a345c2c21840c24a6fe643d76719f0604b9ea93ba181ce03fee80c82347326f5"),
            ("GAUSS", gauss, "3dffb0461b1c596a0cd74acee1242b33ea8a6d9512fa3d7e89d891c84d1b7791"),
            ("EXP2", powers, "359410ea5d0b5c5339a97cdd4c6b9dbc3186f056f82209c4c90f73078cfd5f52"),
            ("LN", logarithms, "220894a24f20322e6866e8020c02c360ac7efead245a7b3a3bb2904ea141ed56")):
        require(sha256(struct.pack("<%dI" % len(table), *table)).hexdigest() == digest, name + " differs")
    return sigma, gauss, powers, logarithms


SIGMA, GAUSS, EXP2, LN = constants()
