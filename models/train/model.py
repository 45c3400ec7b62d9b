"""The autoregressive network: contexts -> MLP -> discretized logistic mixture.

PixelCNN++ (Salimans et al. 2017) with a local context and 1x1 layers after the first, as in NeLLoC
(Zhang et al. 2021). All shapes are given as (pixels, ...); K components, C channels.
"""

import dataclasses
import math
import pathlib
import tomllib

import torch
import torch.nn.functional as F
from torch import nn

import quantize

REACH = 3  # rows above, columns to each side
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
    planes: str
    channels: int
    components: int
    hidden: tuple
    crop: int
    batch: int
    steps: int
    learning_rate: float
    weight_decay: float
    average: float
    seed: int

    @staticmethod
    def read(path):
        return Config(**tomllib.loads(pathlib.Path(path).read_text()))

    @property
    def context_size(self):
        return (TAPS + 1) * self.channels

    @property
    def output_size(self):
        pairs = self.channels * (self.channels - 1) // 2
        return self.components * (1 + 2 * self.channels + pairs)


def predict(crops):
    """Median edge detector (LOCO-I, Weinberger et al. 2000) of every pixel that has a whole context.

    crops: (B, C, H + REACH, W + 2 REACH) float. Returns (B, C, H, W).
    """
    north = crops[:, :, REACH - 1 : -1, REACH:-REACH]
    west = crops[:, :, REACH:, REACH - 1 : -REACH - 1]
    northwest = crops[:, :, REACH - 1 : -1, REACH - 1 : -REACH - 1]
    low, high = torch.minimum(north, west), torch.maximum(north, west)
    return torch.maximum(low, torch.minimum(high, north + west - northwest))


def contexts(crops):
    """Crops (B, C, H + REACH, W + 2 REACH) -> contexts, predictions, samples.

    contexts (pixels, TAPS * C + C): taps in raster order, channels interleaved, each relative to its
    channel's prediction; then each prediction - 128. predictions and samples: (pixels, C).
    """
    crops = crops.float()
    batch, channels, height, width = crops.shape
    height, width = height - REACH, width - 2 * REACH
    prediction = predict(crops)
    taps = []
    for dy in range(REACH + 1):
        for dx in range(2 * REACH + 1):
            if dy < REACH or dx < REACH:
                taps.append(crops[:, :, dy : dy + height, dx : dx + width] - prediction)
    taps.append(prediction - 128)
    context = torch.stack(taps, 1).permute(0, 3, 4, 1, 2).reshape(batch * height * width, -1)
    samples = crops[:, :, REACH:, REACH:-REACH]
    flat = lambda planes: planes.permute(0, 2, 3, 1).reshape(-1, channels)
    return context, flat(prediction), flat(samples)


def input_maxima(layers):
    """The largest magnitude of each layer's integer inputs."""
    return [quantize.CONTEXT_MAX] + [quantize.ACTIVATION_MAX] * (layers - 1)


class Network(nn.Module):
    """MLP of integer arithmetic, in real units."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        sizes = [config.context_size, *config.hidden, config.output_size]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self._start_output_layer()

    def _start_output_layer(self):
        """Starts from a mixture around the prediction whose components differ in scale."""
        k, c = self.config.components, self.config.channels
        last = self.layers[-1]
        with torch.no_grad():
            last.weight.mul_(0.1)
            scales = torch.linspace(-1.0, 4.5, k) / LOG_SCALE_GAIN
            last.bias[k + k * c : k + 2 * k * c] = scales.repeat(c)
            last.bias[k + 2 * k * c :] = 0.7 / COEFFICIENT_GAIN / max(1, c - 1)

    def forward(self, context):
        """(pixels, inputs) integers -> raw outputs (pixels, outputs)."""
        x = context * 2.0**-quantize.CONTEXT_FRACTION
        for layer, maximum in zip(self.layers, input_maxima(len(self.layers))):
            weight = quantize.fake_quantize_weight(layer.weight, maximum)
            x = F.linear(x, weight, layer.bias)
            if layer is not self.layers[-1]:
                x = quantize.fake_quantize_activation(x)
        return x


def mixture_parameters(raw, config):
    """Raw outputs (pixels, outputs) -> logits (pixels, K), means and log2 scales (pixels, C, K),
    coefficients (pixels, pairs, K) in the order (1,0), (2,0), (2,1) of (channel, earlier channel)."""
    k, c = config.components, config.channels
    groups = raw.split([k, k * c, k * c, raw.shape[1] - k - 2 * k * c], 1)
    gains = LOGIT_GAIN, MEAN_GAIN, LOG_SCALE_GAIN, COEFFICIENT_GAIN
    ranges = LOGIT_RANGE, MEAN_RANGE, LOG_SCALE_RANGE, COEFFICIENT_RANGE
    logits, means, scales, coefficients = (
        (group * gain).clamp(*limits) for group, gain, limits in zip(groups, gains, ranges)
    )
    shape = (len(raw), -1, k)
    return logits, means.view(shape), scales.view(shape), coefficients.view(shape)


def code_length(raw, prediction, samples, config):
    """Bits of every pixel (pixels,), all channels together, under the joint mixture.

    The mean of channel c is linear in the residuals (sample - prediction) of the channels before it.
    """
    logits, means, scales, coefficients = mixture_parameters(raw, config)
    residual = samples - prediction
    log_joint = torch.log_softmax(logits * math.log(2), 1)
    pair = 0
    for c in range(config.channels):
        mean = prediction[:, c, None] + means[:, c]
        for earlier in range(c):
            mean = mean + coefficients[:, pair] * residual[:, earlier, None]
            pair += 1
        x = samples[:, c, None]
        # sigma(hi) - sigma(lo), mirrored into the lower tail, where float32 keeps its precision.
        lower = torch.where(x == 0, -1e9, x - 0.5 - mean)
        upper = torch.where(x == 255, 1e9, x + 0.5 - mean)
        mirror = torch.where(x > mean, -1.0, 1.0)
        inverse = torch.exp2(-scales[:, c])
        probability = (torch.sigmoid(mirror * upper * inverse) - torch.sigmoid(mirror * lower * inverse)).abs()
        log_joint = log_joint + torch.log(probability + 2.0**-24)
    return -torch.logsumexp(log_joint, 1) / math.log(2)
