"""FORMAT.md, section "Transforms". A transform is the sizes of its planes, and a function that restores a pixel from
its symbols and its place in the band."""

import zlib
from typing import Callable, NamedTuple

from basics import Reader, clamp, require


class Transform(NamedTuple):
    sizes: list
    undo: Callable


# Bands
def depth_of(sizes):
    return max(1, (max(sizes) - 1).bit_length())


# Transforms
def transform(description, C, D, P):
    """A transform of `C` channels of depth `D`, in a band of `P` pixels."""
    body = Reader(description)
    byte = body.byte()
    kind, b = byte & 127, 1 if D <= 8 else 2
    require(1 <= kind <= 4, "transform %d is not known" % kind)
    if byte & 128:
        most = [C * (3 * 2**D + 20), 2 + 256 * b * C, 0, 11 + 8 * (P // 64 + 1)][kind - 1]
        body = Reader(inflate(description[1:], most))
    result = [values, palette, grey, lattice][kind - 1](body, C, D, P)
    body.end("the description of transform %d" % kind)
    return result


def inflate(stream, most):
    decoder = zlib.decompressobj(-15)
    try:
        body = decoder.decompress(stream, most + 1)
    except zlib.error:
        body = None
    require(body is not None and len(body) <= most and decoder.eof and not decoder.unused_data,
            "a compressed description is not one deflate stream of at most %d bytes" % most)
    return body


# Values
def values(body, C, D, P):
    lists = [values_of_channel(body, D) for _ in range(C)]
    return Transform([len(V) for V in lists], lambda symbols, place: [V[i] for V, i in zip(lists, symbols)])


def values_of_channel(body, D):
    last = (1 << D) - 1
    form = body.byte()
    require(form <= 3, "values of form %d are not known" % form)
    if form == 0:
        return range(1 << D)
    first = body.number("a value", most=last)
    if form == 1:
        n = body.number("the number of values", most=last) + 1
        step = body.number("a step", most=last) + 1 if n > 1 else 1
        V = range(first, first + n * step, step)
    elif form == 2:
        V = [first]
        for _ in range(body.number("the number of values", most=last)):
            V.append(V[-1] + body.number("a gap", most=last) + 1)
    else:
        m = body.number("the bytes of a bitmap", most=-(-2**D // 8) - 1) + 1
        bitmap = body.take(m)
        V = [first + i for i in range(8 * m) if bitmap[i >> 3] >> (i & 7) & 1]
    require(V and V[-1] <= last, "no values, or values beyond the depth")
    return V


# Palette
def palette(body, C, D, P):
    n = body.byte() + 1
    form = body.byte()
    require(form < 64 or form == 255, "a palette of form %d is not known" % form)
    colours = differences(body, n, C, D) if form == 255 else distances(body, n, form, C, D)
    require(len(set(colours)) == n, "a colour is twice in a palette")
    weights = (2, 5, 1) if C >= 3 else (1,)
    colours.sort(key=lambda colour: (sum(weight * sample for weight, sample in zip(weights, colour)), colour))
    return Transform([n], lambda symbols, place: colours[symbols[0]])


def differences(body, n, C, D):
    channels = []
    for _ in range(C):
        channel, sample = [], 0
        for _ in range(n):
            difference = int.from_bytes(body.take(1 if D <= 8 else 2), "little")
            require(difference < 1 << D, "a difference of colours is beyond the depth")
            sample = (sample + difference) % (1 << D)
            channel.append(sample)
        channels.append(channel)
    return list(zip(*channels))


def distances(body, n, k, C, D):
    data = body.take(len(body.data) - body.position)
    bits = [byte >> i & 1 for byte in data for i in range(8)]
    colours, previous, position = [], -1, 0
    for _ in range(n):
        require(1 in bits[position:], "a palette is truncated")
        zeros = bits.index(1, position) - position
        position += zeros + 1 + k
        require(position <= len(bits), "a palette is truncated")
        low = sum(bit << i for i, bit in enumerate(bits[position - k:position]))
        previous += (zeros << k) + low + 1
        require(previous < 1 << (C * D), "a colour is beyond the depth")
        colours.append(tuple(previous >> (D * (C - 1 - c)) & ((1 << D) - 1) for c in range(C)))
    require(len(bits) - position < 8 and not any(bits[position:]), "bits follow a palette")
    return colours


# Grey
def grey(body, C, D, P):
    require(C == 3, "grey of %d channels" % C)
    return Transform([1 << D], lambda symbols, place: symbols * 3)


# Lattice
def lattice(body, C, D, P):
    require(C == 3 and D == 8, "a lattice of %d channels of %d bits" % (C, D))
    conversion = body.byte()
    require(conversion <= 5, "conversion %d is not known" % conversion)
    places, next_place = [], 0
    for _ in range(body.number("the number of escapes", most=P // 64 + 1)):
        places.append(next_place + body.number("a distance of escapes"))
        next_place = places[-1] + 1
    require(next_place <= P, "an escape is beyond the last pixel")
    escapes = dict(zip(places, zip(*[body.take(len(places)) for _ in range(3)])))

    def undo(symbols, place):
        pixel = [clamp(sample, 0, 255) for sample in convert(conversion, *symbols)]
        return [(a + b) % 256 for a, b in zip(pixel, escapes.get(place, (0, 0, 0)))]

    return Transform([256] * 3, undo)


COEFFICIENTS = {  # k, o, p, q, s, t
    1: (65536, 0, 91881, 22554, 46802, 116130),
    3: (76309, 16, 104597, 25675, 53279, 132201),
    4: (76309, 16, 117489, 13975, 34925, 138438),
    5: (65536, 0, 103206, 12276, 30679, 121609),
}


def convert(conversion, Y, C1, C2):
    if conversion == 0:
        b, r = 22179 * (C1 - 156), 18215 * (C2 - 137)
        return ((13584 * Y + r) // 10000,
                (13584 * Y - 1940 * (b // 10000) - 5090 * (r // 10000)) // 10000,
                (13584 * Y + b) // 10000)
    if conversion == 2:
        y = (19077 * Y) >> 8
        return ((y + ((26149 * C2) >> 8) - 14234) >> 6,
                (y - ((6419 * C1) >> 8) - ((13320 * C2) >> 8) + 8708) >> 6,
                (y + ((33050 * C1) >> 8) - 17685) >> 6)
    k, o, p, q, s, t = COEFFICIENTS[conversion]
    y, b, r = k * (Y - o) + 32768, C1 - 128, C2 - 128
    return (y + p * r) >> 16, (y - q * b - s * r) >> 16, (y + t * b) >> 16
