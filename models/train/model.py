"""The autoregressive network: contexts -> MLP -> discretized logistic mixture.

PixelCNN++ (Salimans et al. 2017) with a local context and 1x1 layers after the first, as in NeLLoC
(Zhang et al. 2021). All shapes are given as (pixels, ...); K components, C channels.
"""

import collections
import dataclasses
import math
import pathlib
import tomllib

import torch
import torch.nn.functional as F
from torch import nn

import normalize
import quantize
import repeats

REACH = repeats.REACH  # rows above, columns to each side
TAPS = REACH * (2 * REACH + 1) + REACH
OUTPUT_FRACTION = 6  # network outputs are integers in units of 2^-6
LOGIT_RANGE = (-32.0, 32.0)  # log2 of the mixture weights
MEAN_RANGE = (-512.0, 512.0)  # samples
LOG_SCALE_RANGE = (-6.0, 8.0)  # log2 of the scale in samples
COEFFICIENT_RANGE = (-2.0, 2.0)
# Real output = raw output of the last layer times these powers of two: they bring the groups to one size.
LOGIT_GAIN, MEAN_GAIN, LOG_SCALE_GAIN, COEFFICIENT_GAIN = 2.0, 8.0, 2.0, 0.5


@dataclasses.dataclass(frozen=True)
class Config:
    """A configuration file of configs/."""

    name: str
    # "normalized" (normalize.py), "repeats" (repeats.py; with pinned components), or "levels" (the flow)
    context: str
    planes: str
    channels: int
    components: int
    hidden: tuple
    crop: int
    batch: int
    steps: int
    learning_rate: float  # for Muon: the matrices of all layers but the last
    adam_rate: float  # for AdamW: the last layer and the biases
    weight_decay: float
    average: float
    seed: int
    augment: float = 0.0  # share of the crops of photographs that are changed, see augment.py
    finish: int = 0  # of the steps, those after the learning rates have fallen once
    revive: int = 0  # steps after which units that are never active are set anew, while learning rates are constant
    grid = quantize.BYTES  # the same for all

    @staticmethod
    def read(path):
        return Config(**tomllib.loads(pathlib.Path(path).read_text()))

    @property
    def pinned(self):
        return repeats.CANDIDATES if self.context == "repeats" else 0

    @property
    def classes(self):
        return normalize.CLASSES if self.context == "normalized" else 0

    @property
    def context_size(self):
        more = repeats.context_size(self.channels) if self.pinned else self.classes
        return (TAPS + 1) * self.channels + more

    @property
    def output_size(self):
        pairs = self.channels * (self.channels - 1) // 2
        return self.components * (1 + 2 * self.channels + pairs) + self.pinned


# The pixels of a batch: contexts (pixels, context_size); predictions and samples (C, pixels);
# steps (pixels,), the distance of two samples of 8 bits or less, in units of 8-bit samples; and
# matches (C, pinned, pixels): whether a pinned component names the sample; shifts and signs (pixels,), by which
# the network's means and scales are normalised.
Pixels = collections.namedtuple("Pixels", "contexts predictions samples steps matches shifts signs")


def predict(crops):
    """The median edge detector (LOCO-I, Weinberger et al. 2000) at every pixel with a complete context.

    crops: (B, C, H + REACH, W + 2 REACH) float. Returns (B, C, H, W).
    """
    north = crops[:, :, REACH - 1 : -1, REACH:-REACH]
    west = crops[:, :, REACH:, REACH - 1 : -REACH - 1]
    northwest = crops[:, :, REACH - 1 : -1, REACH - 1 : -REACH - 1]
    low, high = torch.minimum(north, west), torch.maximum(north, west)
    return torch.maximum(low, torch.minimum(high, north + west - northwest))


def as_byte(feature):
    """A feature as a context entry: -128 to 127."""
    return feature.clamp(-quantize.BYTES.context_max, quantize.BYTES.context_max - 1)


def rows_of_pixels(planes):
    """(B, N, H, W) -> (B * H * W, N)."""
    return planes.permute(0, 2, 3, 1).reshape(-1, planes.shape[1])


def rows_of_planes(planes):
    """(B, N, H, W) -> (N, B * H * W)."""
    return planes.transpose(0, 1).reshape(planes.shape[1], -1)


def pixels_of(crops, config):
    """The pixels of crops (B, planes, H + REACH, W + 2 REACH). The first planes are the C channels; with contexts of
    repeats, the next ones are `repeats.extras` and the step.

    Contexts: TAPS taps in raster order, channels interleaved, minus their channel's prediction; then each
    prediction - 128; then the features of `repeats_context`. Or those of normalize.py.
    """
    crops = crops.float()
    samples = crops[:, : config.channels]
    height, width = crops.shape[2] - REACH, crops.shape[3] - 2 * REACH
    prediction = predict(samples)
    differences = []
    for dy in range(REACH + 1):
        for dx in range(2 * REACH + 1):
            if dy < REACH or dx < REACH:
                differences.append(samples[:, :, dy : dy + height, dx : dx + width] - prediction)
    inside = samples[:, :, REACH:, REACH:-REACH]
    if config.classes:
        features, shifts, signs = normalize.normalized(differences, prediction)
    else:
        features = [as_byte(feature) for feature in (*differences, prediction - 128)]
        shifts, signs = torch.zeros_like(inside[:, :1]), torch.ones_like(inside[:, :1])
    if config.pinned:
        steps = crops[:, -1:, REACH:, REACH:-REACH]
        more, candidates = repeats_context(crops, config.channels, prediction, 256 - steps)
        features += more
        matches = rows_of_planes(torch.cat([candidate == inside for candidate in candidates], 1))
        matches = matches.view(repeats.CANDIDATES, config.channels, -1).transpose(0, 1)
    else:
        steps = torch.ones_like(inside[:, :1])
        matches = torch.zeros(config.channels, 0, inside[:, 0].numel(), dtype=torch.bool, device=crops.device)
    predictions, inside = rows_of_planes(prediction), rows_of_planes(inside)
    steps, shifts, signs = (rows_of_planes(plane)[0] for plane in (steps, shifts, signs))
    return Pixels(rows_of_pixels(torch.cat(features, 1)), predictions, inside, steps, matches, shifts, signs)


def repeats_context(crops, channels, prediction, maximum):
    """The features (each (B, N, H, W)) that exact repeats add to a context, and the candidates (each (B, C, H, W)).

    Features: the long and the short prediction relative to the channel's prediction; their counts; which candidates
    matched at the neighbours; which candidates are equal.
    """
    height, width = crops.shape[2] - REACH, crops.shape[3] - 2 * REACH
    at = lambda planes, place: planes[
        :, :, REACH + place[0] : REACH + place[0] + height, REACH + place[1] : REACH + place[1] + width
    ]
    samples, extras = crops[:, :channels], crops[:, channels:]
    here = at(extras, (0, 0))
    long, short, counts = here[:, :channels], here[:, channels : 2 * channels], here[:, 2 * channels : 2 * channels + 2]
    candidates = [at(samples, place) for place in repeats.NEIGHBOURS]
    for a, b, c in repeats.EXTRAPOLATIONS:
        candidates.append((at(samples, a) + at(samples, b) - at(samples, c)).clamp_min(0).minimum(maximum))
    candidates += [long, short]
    features = [as_byte(long - prediction), as_byte(short - prediction), counts * repeats.COUNT_UNIT]
    masks = extras[:, 2 * channels + 2].int() + 256 * extras[:, 2 * channels + 3].int()
    for place in repeats.MATCHES_AT:
        mask = at(masks[:, None], place)
        features += [((mask >> index) & 1) * repeats.FLAG for index in range(repeats.CANDIDATES)]
    for a, b in repeats.PAIRS:
        features.append((candidates[a] == candidates[b]).all(1, keepdim=True) * repeats.FLAG)
    return [feature.float() for feature in features], candidates


class Network(nn.Module):
    """An MLP with integer arithmetic, in real units; the inputs are the configuration's contexts, or `inputs` numbers."""

    def __init__(self, config, inputs=None):
        super().__init__()
        self.config = config
        inputs = inputs or config.context_size - config.classes
        sizes = [inputs, *config.hidden, config.output_size]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.class_weights = None
        if config.classes:  # the last columns of the first layer, separate because they are trained like biases
            self.class_weights = nn.Parameter(torch.zeros(sizes[1], config.classes))
        self._start_output_layer()

    @property
    def networks(self):
        return [self]

    def weights(self):
        """The weight matrices (out, in) of all layers."""
        first, *others = (layer.weight for layer in self.layers)
        if self.class_weights is not None:
            first = torch.cat([first, self.class_weights], 1)
        return [first, *others]

    def _start_output_layer(self):
        """Starts from a mixture around the prediction whose components differ in scale."""
        k, c = self.config.components, self.config.channels
        last = self.layers[-1]
        with torch.no_grad():
            last.weight.mul_(0.1)
            scales = torch.linspace(-1.0, 4.5, k) / LOG_SCALE_GAIN
            last.bias[k + k * c : k + 2 * k * c] = scales.repeat(c)
            last.bias[k + 2 * k * c : self.config.output_size - self.config.pinned] = (
                0.7 / COEFFICIENT_GAIN / max(1, c - 1)
            )

    def run(self, contexts, offsets=None):
        """(pixels, inputs) integers -> the activations of each layer in turn, (pixels, rows) integers; then the raw outputs,
        in real units.

        `offsets` of the biases, (crops, rows) for each layer, are for equal shares of the pixels. Products are computed in
        the type of the contexts. bfloat16 holds contexts and weights exactly; activations beyond 8 bits are rounded.
        """
        grid = self.config.grid
        x, fraction = contexts, grid.context_fraction
        maxima = grid.input_maxima(len(self.layers))
        for index, (layer, weight, maximum) in enumerate(zip(self.layers, self.weights(), maxima)):
            last = layer is self.layers[-1]
            scale = 2.0 ** (0 if last else grid.activation_fraction)
            weight = quantize.fake_quantize_weight(weight, maximum) * (scale * 2.0**-fraction)
            x = F.linear(x, weight.to(x.dtype), (layer.bias * scale).to(x.dtype))
            if offsets:
                of_crops = (offsets[index] * scale).to(x.dtype)
                x = (x.unflatten(0, (len(of_crops), -1)) + of_crops[:, None]).flatten(0, 1)
            if not last:
                x, fraction = quantize.Activation.apply(x, grid.activation_max), grid.activation_fraction
            yield x

    def forward(self, contexts, offsets=None):
        """(pixels, inputs) integers -> raw outputs (outputs, pixels), planes first for the mixture."""
        *_, outputs = self.run(contexts, offsets)
        return outputs.t().contiguous().float()

    def means(self, contexts):
        """The means over pixels of each hidden layer's activations, in real units."""
        *activations, _ = self.run(contexts)
        return [layer.float().mean(0) * 2.0**-self.config.grid.activation_fraction for layer in activations]

    def revive(self, contexts):
        """Sets units anew that are not active for any of these pixels, in all hidden layers, with no weight in the next layer.
        Returns how many.

        Units die in the first steps, when learning rates are high.
        """
        with torch.no_grad():
            *activations, _ = self.run(contexts)
            dead = [torch.nonzero(layer.amax(0) == 0).flatten() for layer in activations]
            for units, layer, following in zip(dead, self.layers, self.layers[1:]):
                layer.weight[units] = nn.init.kaiming_normal_(torch.empty_like(layer.weight), nonlinearity="relu")[units]
                layer.bias[units] = 0
                following.weight[:, units] = 0
        return sum(map(len, dead))


def mixture_parameters(raw, config, pixels):
    """Raw outputs (outputs, pixels) and their normalisation -> logits (K, pixels), means and log2 scales (C, K, pixels),
    coefficients (pairs, K, pixels) in the order (1,0), (2,0), (2,1) of (channel, earlier channel), and the logits of the
    pinned components (pinned, pixels)."""
    k, c = config.components, config.channels
    groups = raw.split([k, k * c, k * c, len(raw) - k - 2 * k * c - config.pinned, config.pinned])
    gains = LOGIT_GAIN, MEAN_GAIN, LOG_SCALE_GAIN, COEFFICIENT_GAIN, LOGIT_GAIN
    logits, means, scales, coefficients, pinned = (group * gain for group, gain in zip(groups, gains))
    means = means.clamp(*MEAN_RANGE) * (pixels.signs * torch.exp2(-pixels.shifts))
    scales = (scales - pixels.shifts).clamp(*LOG_SCALE_RANGE)
    coefficients = coefficients.clamp(*COEFFICIENT_RANGE)
    means, scales, coefficients = (group.view(-1, k, raw.shape[1]) for group in (means, scales, coefficients))
    return logits.clamp(*LOGIT_RANGE), means, scales, coefficients, pinned.clamp(*LOGIT_RANGE)


def channel_mean(channel, means, coefficients, pixels):
    """The means (K, pixels) of a channel: linear in the residuals (sample - prediction) of the channels before it."""
    mean = pixels.predictions[channel] + means[channel]
    first = channel * (channel - 1) // 2
    for earlier in range(channel):
        mean = mean + coefficients[first + earlier] * (pixels.samples[earlier] - pixels.predictions[earlier])
    return mean


def code_length(raw, pixels, config):
    """Code length of every pixel in bits (pixels,), all channels together, under the joint mixture of raw outputs
    (outputs, pixels).

    A pinned component has all its probability on one sample.
    """
    logits, means, scales, coefficients, pinned = mixture_parameters(raw, config, pixels)
    log_joint = torch.log_softmax(torch.cat([logits, pinned]) * math.log(2), 0)
    half = pixels.steps / 2
    for c in range(config.channels):
        mean = channel_mean(c, means, coefficients, pixels)
        x = pixels.samples[c]
        # sigma(hi) - sigma(lo), mirrored into the lower tail, where float32 keeps its precision.
        lower = torch.where(x == 0, -1e9, x - half - mean)
        upper = torch.where(x == 256 - pixels.steps, 1e9, x + half - mean)
        mirror = torch.where(x > mean, -1.0, 1.0)
        inverse = torch.exp2(-scales[c])
        probability = (torch.sigmoid(mirror * upper * inverse) - torch.sigmoid(mirror * lower * inverse)).abs()
        probability = torch.cat([probability, pixels.matches[c].float()])
        log_joint = log_joint + torch.log(probability + 2.0**-24)
    return -torch.logsumexp(log_joint, 0) / math.log(2)
