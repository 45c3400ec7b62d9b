"""Trains a network; resumes from its checkpoint if there is one.

    python train.py configs/colour-fast.toml images.npz colour-fast.pt [--steps N] [--device cpu|cuda] [--threads N]
                    [--precision bfloat16|float32]

Deterministic for a given seed (in the configuration), device, precision and number of threads. The progress line shows
bpsp on fixed crops of held-out training images, in float32, for the quantised average of the weights (once the learning
rates fall, for the quantised weights). Matrices are trained by Muon (Jordan et al. 2024), everything else by AdamW
(Loshchilov and Hutter 2019).
"""

import argparse
import copy
import dataclasses
import itertools
import os
import time

import numpy as np
import torch

import data
import flow
import quantize
from model import Config, Network, code_length, pixels_of

VALIDATION_CROPS, VALIDATION_SIDE, VALIDATION_SEED = 256, 48, 2026
CROPS_AT_ONCE, REVIVING_CROPS = 16, 64  # crops of the validation set
MEAN_OF, MEAN_SHARE = 32, 0.02  # of the pixels, those that count for the means of activations; a step's share of them


def validation_crops(held_out, config):
    """Fixed, unchanged crops (B, planes, H, W) of held-out images."""
    config = dataclasses.replace(config, augment=0.0)
    rng = np.random.default_rng(VALIDATION_SEED)
    return torch.from_numpy(data.sample_crops(held_out, VALIDATION_CROPS, VALIDATION_SIDE, config, rng))


def parts_of(crops, config, borders=True):
    """The pixels of crops, for each network of the model."""
    if config.context == "levels":
        return flow.pixels_of(crops, config, borders)
    return [pixels_of(crops, config)]


def bits_per_sample(whole, crops):
    """bpsp of crops (B, planes, H, W), without gradients."""
    total = samples = 0.0
    for crops_at_once in crops.split(CROPS_AT_ONCE):
        with torch.no_grad():
            for network, pixels in zip(whole.networks, parts_of(crops_at_once, whole.config)):
                total += code_length(network(pixels.contexts), pixels, whole.config).sum().item()
                samples += pixels.samples.numel()
    return total / samples


def schedule(step, config):
    """The learning-rate factor: warm-up over 500 steps or a tenth of all, constant, linear decay over the last two fifths;
    then, for the configuration's further steps, linear decay from a fifth.

    While it is constant, a run may be resumed with another number of steps. The result is the same as with this number from
    the start, if the warm-up is equally long.
    """
    steps = config.steps - config.finish
    if step >= steps:
        return 0.2 * (config.steps - step) / config.finish
    return min(1.0, (step + 1) / min(500, 0.1 * steps), (steps - step) / (0.4 * steps))


def revives(step, config):
    """Whether units that are never active are set anew before a step: now and then while learning rates are constant, and
    before the further steps."""
    now_and_then = config.revive and step and step % config.revive == 0 and schedule(step, config) == 1
    return now_and_then or (config.finish and step == config.steps - config.finish)


def update_average(average, network, step, config):
    """Moves the average towards the network after a step; it equals the network while the learning rates change.

    As the rates fall, weights settle on the int8 grid, and biases with them; an average would lie off the grid, and be
    rounded.
    """
    decay = min(config.average, (step + 1) / (step + 10)) if schedule(step, config) == 1 else 0.0
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)


def optimizers(network, config):
    """Muon for the matrices of all layers but the last, AdamW for the rest."""
    matrices = [layer.weight for part in network.networks for layer in part.layers[:-1]]
    rest = [layer.bias for part in network.networks for layer in part.layers]
    rest += [part.layers[-1].weight for part in network.networks]
    rest += [part.class_weights for part in network.networks if part.class_weights is not None]
    return [
        torch.optim.Muon(matrices, config.learning_rate, weight_decay=config.weight_decay),
        torch.optim.AdamW(rest, config.adam_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay),
    ]


class CentredStep:
    """Steps of the optimizers as if activations were relative to their means: the gradients of weights do not see the means,
    and biases change so that the means of sums do not change.

    Otherwise a step moves the sums of all pixels alike, so far that units die: large networks lost half of a layer.
    """

    def __init__(self, network, optimizers):
        self.network, self.optimizers, self.means = network, optimizers, None

    def take(self, parts):
        """One step from the gradients. `parts` are the pixels of each network, for the means."""
        with torch.no_grad():
            means = [part.means(pixels.contexts[::MEAN_OF]) for part, pixels in zip(self.network.networks, parts)]
            means = list(itertools.chain(*means))
            self.means = means if self.means is None else torch._foreach_lerp(self.means, means, MEAN_SHARE)
            layers = [layer for part in self.network.networks for layer in part.layers[1:]]
            before = [quantized(layer) for layer in layers]
            for layer, mean in zip(layers, self.means):
                layer.weight.grad -= torch.outer(layer.bias.grad, mean)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        with torch.no_grad():
            for layer, mean, weight in zip(layers, self.means, before):
                layer.bias -= (quantized(layer) - weight) @ mean

    def state_dict(self):
        return {"means": self.means}

    def load_state_dict(self, state):
        self.means = state["means"]


def quantized(layer):
    """The weights of a layer after the first, rounded."""
    return quantize.fake_quantize_weight(layer.weight, quantize.BYTES.activation_max)


def save(path, config, step, network, average, optimizers):
    """Writes a checkpoint atomically."""
    state = {
        "config": dataclasses.asdict(config),
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    torch.save(state, f"{path}.tmp")
    os.replace(f"{path}.tmp", path)


def resume(path, config, device, network, average, optimizers):
    """Loads a checkpoint if there is one; its configuration may only differ in the steps. Returns the steps done."""
    if not os.path.exists(path):
        return 0
    state = torch.load(path, weights_only=True, map_location=device)
    if dataclasses.replace(type(config)(**state["config"]), steps=config.steps) != config:
        raise SystemExit(f"{path} is of another configuration")
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    for optimizer, held in zip(optimizers, state["optimizers"]):
        optimizer.load_state_dict(held)
    return state["step"]


def parser(description, report):
    """The command-line options of all training programs."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("config")
    options.add_argument("images", help="file written by data.py")
    options.add_argument("checkpoint")
    options.add_argument("--steps", type=int, help="overrides the configuration")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--report", type=int, default=report, help="steps between progress lines and checkpoints")
    return options


def start(options, config_class):
    """Sets the number of threads; returns the configuration that the options name and override."""
    torch.set_num_threads(options.threads)
    config = config_class.read(options.config)
    return dataclasses.replace(config, steps=options.steps) if options.steps else config


def main():
    options = parser(__doc__, report=1000)
    options.add_argument("--device", default="cpu")
    options.add_argument("--precision", choices=["bfloat16", "float32"], default="bfloat16", help="of the products")
    options = options.parse_args()

    config = start(options, Config)
    precision = getattr(torch, options.precision)
    training, held_out = data.load(options.images, config)
    validation = validation_crops(held_out, config).to(options.device)

    torch.manual_seed(config.seed)
    network = (flow.Flow if config.context == "levels" else Network)(config).to(options.device)
    average = copy.deepcopy(network)
    both = optimizers(network, config)
    centred = CentredStep(network, both)
    first = resume(options.checkpoint, config, options.device, network, average, [*both, centred])

    # The layers are not compiled: their in-place activations are faster than compiled code.
    @torch.compile(dynamic=False)
    def prepare(crops, borders):
        return [part._replace(contexts=part.contexts.to(precision)) for part in parts_of(crops, config, borders)]

    @torch.compile(dynamic=False)
    def loss_of(raw, pixels):
        return code_length(raw, pixels, config).mean() / config.channels

    started, running, reported = time.time(), 0.0, first
    for step in range(first, config.steps):
        # One generator per step: a resumed run draws the crops that an uninterrupted one would have drawn.
        rng = np.random.default_rng((config.seed, step))
        if revives(step, config):
            torch.manual_seed(step)
            for part, pixels in zip(network.networks, parts_of(validation[:REVIVING_CROPS], config)):
                print(f"step {step}: {part.revive(pixels.contexts)} units set anew", flush=True)
        crops = data.sample_crops(training, config.batch, config.crop, config, rng)
        borders = config.context == "levels" and not crops[:, -1].all()
        parts = prepare(torch.from_numpy(crops).to(options.device), borders)
        losses = [
            loss_of(part(pixels.contexts), pixels._replace(contexts=None))
            for part, pixels in zip(network.networks, parts)
        ]
        loss = sum(losses) / len(losses)
        network.zero_grad()
        loss.backward()
        for optimizer, rate in zip(both, (config.learning_rate, config.adam_rate)):
            optimizer.param_groups[0]["lr"] = rate * schedule(step, config)
        centred.take(parts)
        update_average(average, network, step, config)
        running += loss.detach()
        if (step + 1) % options.report == 0 or step + 1 == config.steps:
            pixels_per_step = config.batch * config.crop**2
            rate = pixels_per_step * (step + 1 - first) / (time.time() - started)
            print(
                f"step {step + 1} of {config.steps}  {pixels_per_step * (step + 1) / 1e6:.0f} MP seen"
                f"  training {running.item() / (step + 1 - reported):.4f}"
                f"  validation {bits_per_sample(average, validation):.4f} bpsp  {rate / 1e3:.0f} kP/s",
                flush=True,
            )
            running, reported = 0.0, step + 1
            save(options.checkpoint, config, step + 1, network, average, [*both, centred])


if __name__ == "__main__":
    main()
