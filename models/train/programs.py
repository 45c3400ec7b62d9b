"""Programs: invertible operations on a patch, whose volume change and base distribution give the bits of a density.

A program is a list of operations on a patch (B, C, H, W) of real numbers, in units of 8-bit samples. Forwards (the
direction of the encoder), each operation changes the patch and has a cost in bits:

    Squeeze    blocks of 2 x 2 pixels become channels: no cost (RealNVP, Dinh et al. 2017)
    Lu         a 1x1 convolution as unit triangular matrices, and a diagonal of scales (Glow, Kingma and Dhariwal 2018)
    Norm       a constant translation and scale of each of the last channels (Glow's activation normalisation)
    Couple     z = (x - t) * 2^e of some channels, perhaps on one half of a checkerboard; t and e are outputs of a network that
               sees what the operation leaves alone (affine coupling; without e, additive: NICE, Dinh et al. 2014). In
               raster order, each pixel is changed given those before it: an autoregressive flow (MAF, Papamakarios et
               al. 2017), or, for noise, a posterior that is fast to sample (IAF, Kingma et al. 2016)
    Factor     the last channels leave the patch, coded under a base distribution: logistic, Gaussian, or a mixture for each
    Draw       channels of noise from a base distribution enter the patch in front: their bits are gained
    Uncouple   z = x * 2^-e + t: a coupling in the inverse direction, which turns noise into latents with the distribution of
               the posterior (VAE, Kingma and Welling 2013)
    Observe    the last pixel of samples leaves the patch, coded under a mixture of discretized logistics given the rest

As in the codec, contexts are rounded and clamped, networks are integer functions (quantize.py), and scales are bounded.
The rounding of x itself to its grid of 2^-6 is left out.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

import model
import quantize
from quantize import round_through

PRODUCTS = torch.bfloat16  # the type of products in training
SCALE_MAX = 6.0  # |e|
CONSTANTS_GAIN = 4.0  # compensates for the small learning rate of constants
FINEST = 4.0  # largest e of a posterior: narrower ones need finer means than int8 weights give
TRANSLATION_GAIN, SCALE_GAIN = 8.0, 2.0  # outputs of a network = raw outputs times these
CENTRE_UNITS = (2, 8)  # a centre is seen in halves of a sample, and again in eighths
TAP_UNIT = 4  # a tap minus its centre is seen in quarters of a sample


@dataclasses.dataclass(frozen=True)
class Shape:
    """What model.Network has to know of a network."""

    inputs: int
    hidden: tuple
    gains: tuple  # one per output

    grid = quantize.WIDE
    classes = 0
    pinned = 0

    @property
    def output_size(self):
        return len(self.gains)


class Network(model.Network):
    """A network whose outputs start at a constant."""

    def __init__(self, shape, start):
        super().__init__(shape, shape.inputs)
        with torch.no_grad():
            self.layers[-1].bias.copy_(torch.tensor(start) / torch.tensor(shape.gains))

    def _start_output_layer(self):
        with torch.no_grad():
            self.layers[-1].weight.mul_(0.05)

    def forward(self, contexts):
        """(pixels, inputs) integers -> outputs (outputs, pixels)."""
        return super().forward(contexts) * torch.tensor(self.config.gains)[:, None]


RASTER = "raster"  # instead of a parity: all pixels, each given those before it


def places(taps, parity=None):
    """The offsets (down, right) of the `taps` nearest pixels, by distance; ties from the top left. With a parity, only those
    of the other colour of the checkerboard; in raster order, only those before the pixel."""
    window = [(down, right) for down in range(-2, 3) for right in range(-2, 3) if (down, right) != (0, 0)]
    if parity == RASTER:
        window = [place for place in window if place < (0, 0)]
    elif parity is not None:
        window = [place for place in window if sum(place) % 2]
    return sorted(window, key=lambda place: (place[0] ** 2 + place[1] ** 2, place))[:taps]


def clamped(x):
    """Contexts as integers."""
    return round_through(x).clamp(-quantize.WIDE.context_max, quantize.WIDE.context_max)


def half_of(x, parity):
    """The pixels of (B, C, H, W) with row + column of this parity, as (B, C, H, W / 2); all pixels if there is no parity."""
    if parity in (None, RASTER):
        return x
    b, c, h, w = x.shape
    return torch.stack([x[:, :, ::2, parity::2], x[:, :, 1::2, 1 - parity :: 2]], 3).reshape(b, c, h, w // 2)


def with_half(x, half, parity):
    """(B, C, H, W) with the pixels of a parity from `half`."""
    if parity in (None, RASTER):
        return half
    rows, columns = torch.meshgrid(torch.arange(x.shape[2]), torch.arange(x.shape[3]), indexing="ij")
    return torch.where((rows + columns) % 2 == parity, half.repeat_interleave(2, 3), x)


@torch.compile(dynamic=False)
def contexts(x, known, half, taps, parity):
    """The contexts (pixels, N) of a patch's pixels of one parity, given whole channels and halves of channels.

    By tap, then by channel: the tap minus the centre. Then the centres in each of CENTRE_UNITS. First for the channels in
    `known`, then for those in `half`, whose centre is the mean of the four nearest. A patch is reflected at its edges; in
    raster order, the channels in `half` are 0 beyond them.
    """
    height, width = x.shape[2:]
    features = []
    for channels, is_half in ((known, False), (half, True)):
        if not channels:
            continue
        channels = slice(channels[0], channels[-1] + 1)
        edges = {} if is_half and parity == RASTER else {"mode": "reflect"}
        padded = F.pad(x[:, channels], (2, 2, 2, 2), **edges)
        around = [
            half_of(padded[:, :, 2 + down : 2 + down + height, 2 + right : 2 + right + width], parity)
            for down, right in places(taps, parity if is_half else None)
        ]
        centre = sum(around[:4]) / 4 if is_half else half_of(x[:, channels], parity)
        features += [clamped((tap - centre) * TAP_UNIT) for tap in around]
        features += [clamped(centre * unit) for unit in CENTRE_UNITS]
    return torch.cat(features, 1).permute(0, 2, 3, 1).flatten(0, 2)


def contexts_size(known, half, taps, parity=None):
    return sum(
        len(channels) * (len(places(taps, which)) + len(CENTRE_UNITS)) for channels, which in ((known, None), (half, parity))
    )


def seen(contexts, *arguments, learned=False):
    """Contexts as the networks take them in training: bfloat16 holds them exactly.

    A flow learns nothing through contexts, which hardly change while it is trained; latents do.
    """
    with torch.set_grad_enabled(learned and torch.is_grad_enabled()):
        return contexts(*arguments).to(PRODUCTS)


def line(*words):
    """A line of a model file."""
    return " ".join(map(str, words))


def logistic_bits(z):
    """-log2 of the density of the standard logistic."""
    return (z + 2 * F.softplus(-z)) / math.log(2)


def gaussian_bits(z):
    """-log2 of the density of the standard normal distribution."""
    return (z * z + math.log(2 * math.pi)) / (2 * math.log(2))


def distribution(gaussian):
    """What a line says of a base distribution."""
    return ["gaussian"] if gaussian else []


class Operation(nn.Module):
    """(B, C, H, W) -> the patch after it, and its bits (B,) or a number, which belong to a term of the bound."""

    term = "volume"


class Squeeze(Operation):
    """(B, C, 2H, 2W) -> (B, 4C, H, W), by place in the block, then by channel."""

    def forward(self, x):
        b, c, h, w = x.shape
        x = x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)
        return x.reshape(b, 4 * c, h // 2, w // 2), 0.0

    def text(self, _):
        return "squeeze"


class Lu(Operation):
    """x + L x, then x + U x, then 2^e x, all channels of a pixel at once; e is trained where `scaled`. Of L and U, the first
    `rows` are; the others are 0."""

    FRACTION = 12  # fractional bits of the matrices' entries

    def __init__(self, lower, upper, scaled=(), rows=None):
        super().__init__()
        self.lower, self.upper = nn.Parameter(lower), nn.Parameter(upper)
        ones = torch.ones_like(lower)
        if rows is not None:
            ones[rows:] = 0
        self.register_buffer("below", torch.tril(ones, -1), persistent=False)
        self.register_buffer("above", torch.triu(ones, 1), persistent=False)
        self.scaled = list(scaled)
        self.exponent = nn.Parameter(torch.zeros(len(self.scaled)))

    def forward(self, x):
        x = x + torch.einsum("ij,bjhw->bihw", self.lower * self.below, x)
        x = x + torch.einsum("ij,bjhw->bihw", self.upper * self.above, x)
        if not self.scaled:
            return x, 0.0
        exponent = self.exponents()
        pixels = x.shape[2] * x.shape[3]
        return x * torch.exp2(exponent)[:, None, None], -exponent.sum() * pixels

    def exponents(self):
        """By channel, a whole number of 2^-6."""
        exponents = torch.zeros(len(self.lower))
        return exponents.index_put((torch.tensor(self.scaled, dtype=torch.long),), round_through(self.exponent * 64) / 64)

    def text(self, _):
        entries = lambda m: (round(v) for v in (m.detach() * 2**self.FRACTION).flatten().tolist())
        exponents = (round(v * 64) for v in self.exponents().tolist())
        return line("lu", len(self.lower), *entries(self.lower * self.below), *entries(self.upper * self.above), *exponents)


class Norm(Operation):
    """z = (x - t) * 2^e of the last channels, with constants for each."""

    def __init__(self, channels, exponent):
        super().__init__()
        self.translation = nn.Parameter(torch.zeros(channels))
        self.exponent = nn.Parameter(torch.full((channels,), exponent))

    def forward(self, x):
        # Translations can be large: the gain compensates for the small learning rate of constants.
        exponent = round_through(self.exponent.clamp(-SCALE_MAX, SCALE_MAX) * 64) / 64
        translation = self.translation * 32
        before = x.shape[1] - len(exponent)
        z = (x[:, before:] - translation[:, None, None]) * torch.exp2(exponent)[:, None, None]
        return torch.cat([x[:, :before], z], 1), -exponent.sum() * x.shape[2] * x.shape[3]

    def text(self, _):
        translations = (round(v * 32 * 64) for v in self.translation.tolist())
        exponents = (round(v * 64) for v in self.exponent.clamp(-SCALE_MAX, SCALE_MAX).tolist())
        return line("norm", len(self.translation), *translations, *exponents)


class Couple(Operation):
    """z = (x - t) * 2^e of the channels `to`, given `known` channels and the other `half` of channels. Each is a range."""

    word, start = "couple", -1.5

    def __init__(self, to, known, hidden, taps, parity=None, half=(), additive=False, learned=False):
        super().__init__()
        self.to, self.known, self.half, self.parity, self.taps = list(to), list(known), list(half), parity, taps
        assert parity is not None or not self.half
        assert parity != RASTER or self.half
        assert all(list(range(c[0], c[-1] + 1)) == c for c in (self.to, self.known, self.half) if c)
        n = len(self.to)
        gains = (TRANSLATION_GAIN,) * n + (() if additive else (SCALE_GAIN,) * n)
        start = [0.0] * n + ([] if additive else [self.start] * n)
        shape = Shape(contexts_size(self.known, self.half, taps, parity), tuple(hidden), gains)
        self.additive, self.learned = additive, learned
        self.network = Network(shape, start)

    def outputs(self, x, shape):
        """The outputs of the network for the elements that change, of shape (B, N, H, W)."""
        around = (self.known, self.half, self.taps, self.parity)
        b, _, h, w = shape
        return self.network(seen(contexts, x, *around, learned=self.learned)).view(-1, b, h, w).transpose(0, 1)

    def forward(self, x):
        first, last = self.to[0], self.to[-1] + 1
        before = x[:, first:last]
        moved = half_of(before, self.parity)
        n, outputs = moved.shape[1], self.outputs(x, moved.shape)
        moved = moved - outputs[:, :n]
        bits = 0.0
        if not self.additive:
            exponent = outputs[:, n:].clamp(-SCALE_MAX, SCALE_MAX)
            moved = moved * torch.exp2(exponent)
            bits = -exponent.flatten(1).sum(1)
        return torch.cat([x[:, :first], with_half(before, moved, self.parity), x[:, last:]], 1), bits

    def text(self, networks):
        networks.append(self.network)
        part = {None: "all", 0: "even", 1: "odd", RASTER: RASTER}[self.parity]
        place = lambda channels: (channels[0] if channels else 0, len(channels))
        what = line(self.word, "additive" if self.additive else "affine", part, "network", len(networks) - 1)
        seen = line("known", *place(self.known), "half", *place(self.half))
        return line(what, "taps", self.taps, "to", *place(self.to), seen)


class Uncouple(Couple):
    """z = x * 2^-e + t of the first channels, given `known` ones."""

    word, start, term = "uncouple", 1.0, "posterior"

    def forward(self, x):
        n = len(self.to)
        noise, outputs = x[:, :n], self.outputs(x, x.shape)
        exponent = outputs[:, n:].clamp(-SCALE_MAX, FINEST)
        moved = noise * torch.exp2(-exponent) + outputs[:, :n]
        return torch.cat([moved, x[:, n:]], 1), exponent.flatten(1).sum(1)


class Draw(Operation):
    """Inserts this many channels from a base distribution, in front of all others."""

    term = "posterior"

    def __init__(self, channels, gaussian=False):
        super().__init__()
        self.channels, self.gaussian = channels, gaussian

    def forward(self, x):
        b, _, h, w = x.shape
        shape = (b, self.channels, h, w)
        if self.gaussian:
            noise = torch.randn(shape)
            bits = gaussian_bits(noise)
        else:
            noise = torch.logit(torch.rand(shape).clamp(1e-6, 1 - 1e-6))
            bits = logistic_bits(noise)
        return torch.cat([noise, x], 1), -bits.flatten(1).sum(1)

    def text(self, _):
        return line("draw", *distribution(self.gaussian), self.channels)


@dataclasses.dataclass(frozen=True)
class MixtureShape:
    """What model.Network has to know of a network whose outputs are mixtures."""

    hidden: tuple
    components: int
    channels: int

    grid = quantize.WIDE
    classes = 0
    pinned = 0
    output_size = model.Config.output_size


class Observe(Operation):
    """The last channels, samples of a pixel, are coded and removed, given `count` latents followed by the samples of other
    pixels. A prediction is linear, in full precision, in all of these at the pixel and its LINEAR nearest neighbours: the
    latent of the same channel, plus a trained matrix times the differences from the latents. The mixture's means are
    relative to it."""

    term = "reconstruction"
    LINEAR = 4

    def __init__(self, count, pixels, channels, hidden, taps, components):
        super().__init__()
        self.taps, self.known = taps, list(range(count + pixels * channels))
        self.channels = channels
        # By channel, by place (the pixel first), by known channel.
        self.matrix = nn.Parameter(torch.zeros(channels, 1 + self.LINEAR, len(self.known)))
        # The channel that a known channel is compared with.
        self.centres = [c % channels if c < count else (c - count) % channels for c in self.known]
        inputs = contexts_size(self.known, [], taps)
        self.network = model.Network(MixtureShape(tuple(hidden), components, channels), inputs)

    def differences(self, x):
        """(B, C, H, W) -> (B, places * known, H, W)."""
        height, width = x.shape[2:]
        known = x[:, : len(self.known)]
        padded = F.pad(known, (1, 1, 1, 1), mode="reflect")
        around = [known] + [
            padded[:, :, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
            for down, right in places(self.LINEAR)
        ]
        centres = x[:, self.centres]
        return torch.cat([tap - centres for tap in around], 1)

    def start(self, x):
        """Starts the matrix from least squares on patches."""
        rows = lambda planes: model.rows_of_pixels(planes).double()
        a, b = rows(self.differences(x)), rows(x[:, -self.channels :] - x[:, : self.channels])
        gram = a.T @ a
        solution = torch.linalg.solve(gram + gram.diagonal().mean() * 1e-6 * torch.eye(len(gram)), a.T @ b)
        with torch.no_grad():
            self.matrix.copy_(solution.T.view(self.matrix.shape) / CONSTANTS_GAIN)

    def whole_matrix(self):
        """The matrix of the prediction, in terms of the known channels themselves."""
        matrix = self.matrix.detach() * CONSTANTS_GAIN
        for c in self.known:
            matrix[:, 0, self.centres[c]] -= self.matrix.detach()[:, :, c].sum(1) * CONSTANTS_GAIN
        for c in range(self.channels):
            matrix[c, 0, c] += 1
        return matrix

    def forward(self, x):
        shape = self.network.config
        left = x.shape[1] - shape.channels
        prediction = torch.einsum("ij,bjhw->bihw", self.matrix.flatten(1) * CONSTANTS_GAIN, self.differences(x))
        prediction = model.rows_of_planes((prediction + x[:, : self.channels]).clamp(-128, 127.99))
        raw = self.network(seen(contexts, x, self.known, [], self.taps, None, learned=True))
        # The codec predicts whole samples, and adds the remainder to the means.
        whole = prediction.detach().floor()
        start, end = shape.components, shape.components * (1 + shape.channels)
        rest = ((prediction - whole) / model.MEAN_GAIN).repeat_interleave(shape.components, 0)
        raw = torch.cat([raw[:start], raw[start:end] + rest, raw[end:]])
        samples = model.rows_of_planes(x[:, left:])
        ones = torch.ones(samples.shape[1])
        matches = torch.zeros(shape.channels, 0, samples.shape[1], dtype=torch.bool)
        pixels = model.Pixels(None, whole + 128, samples + 128, ones, matches, ones * 0, ones)
        return x[:, :left], model.code_length(raw, pixels, shape).view(len(x), -1).sum(1)

    def text(self, networks):
        networks.append(self.network)
        entries = (round(v) for v in (self.whole_matrix() * 2**Lu.FRACTION).flatten().tolist())
        seen = line("components", self.network.config.components, "taps", self.taps, "known", len(self.known))
        return line("observe network", len(networks) - 1, seen, *entries)


class Factor(Operation):
    """Codes this many of the last channels under a base distribution, and removes them."""

    term = "base"

    def __init__(self, channels, gaussian=False):
        super().__init__()
        self.channels, self.gaussian = channels, gaussian

    def forward(self, x):
        left = x.shape[1] - self.channels
        bits = gaussian_bits if self.gaussian else logistic_bits
        return x[:, :left], bits(x[:, left:]).flatten(1).sum(1)

    def text(self, _):
        return line("factor", *distribution(self.gaussian), self.channels)


class FactorMixture(Operation):
    """Codes this many of the last channels under a mixture of logistic distributions for each, and removes them."""

    term = "base"
    COMPONENTS = 8
    WHOLE = 2**16  # the sum of the weights in a model file

    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        each = lambda numbers: nn.Parameter(numbers.repeat(channels, 1) / CONSTANTS_GAIN)
        self.logits = each(torch.zeros(self.COMPONENTS))
        self.means = each(torch.linspace(-4, 4, self.COMPONENTS))
        self.exponents = each(torch.ones(self.COMPONENTS))

    def constants(self):
        """Logits, means and exponents of (channels, COMPONENTS); the latter two are whole numbers of 2^-6."""
        whole = lambda numbers: round_through(numbers * CONSTANTS_GAIN * 64) / 64
        return self.logits * CONSTANTS_GAIN, whole(self.means), whole(self.exponents).clamp(-SCALE_MAX, SCALE_MAX)

    def forward(self, x):
        left = x.shape[1] - self.channels
        logits, means, exponents = (numbers[:, :, None, None] for numbers in self.constants())
        scaled = (x[:, left:, None] - means) * torch.exp2(exponents)
        logs = torch.log_softmax(logits, 1) - math.log(2) * (logistic_bits(scaled) - exponents)
        return x[:, :left], -torch.logsumexp(logs, 2).flatten(1).sum(1) / math.log(2)

    def text(self, _):
        logits, means, exponents = (numbers.detach() for numbers in self.constants())
        weights = (torch.softmax(logits, 1) * self.WHOLE).round()
        weights[range(self.channels), weights.argmax(1)] += self.WHOLE - weights.sum(1)
        numbers = torch.cat([weights, means * 64, exponents * 64]).flatten().tolist()
        return line("factor mixture", self.channels, self.COMPONENTS, *map(round, numbers))


class Program(nn.Module):
    """Operations one after the other; the last ones factor out everything."""

    def __init__(self, operations):
        super().__init__()
        self.operations = nn.ModuleList(operations)

    def forward(self, x):
        """(B, C, H, W) -> bits of each patch (B,), by term of the bound."""
        terms = {}
        for operation in self.operations:
            x, bits = operation(x)
            terms[operation.term] = terms.get(operation.term, torch.zeros(len(x))) + bits
        assert x.shape[1] == 0, "all channels are coded"
        return terms

    def start(self, x):
        """Initialises the operations that start from least squares, on patches."""
        with torch.no_grad():
            for operation in self.operations:
                if isinstance(operation, Observe):
                    operation.start(x)
                x, _ = operation(x)

    def text(self, networks):
        """A line for each operation; appends the networks that they name to `networks`."""
        return [operation.text(networks) for operation in self.operations]

    @property
    def networks(self):
        return [operation.network for operation in self.operations if hasattr(operation, "network")]
