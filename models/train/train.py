"""Trains a network; resumes from its checkpoint if there is one.

    python train.py configs/colour.toml images.npz colour.pt [--steps N] [--device cpu|cuda] [--threads N]

Deterministic given the seed of the configuration, the device and the number of threads. The progress line
shows bpsp on fixed crops of held-out training images, of the averaged and quantised weights.
"""

import argparse
import copy
import dataclasses
import math
import os
import time

import numpy as np
import torch

import data
from model import Config, Network, code_length, pixels_of

VALIDATION_CROPS, VALIDATION_SIDE, VALIDATION_SEED = 64, 48, 2026


def bits_per_sample(network, crops):
    """bpsp of the crops (B, C, H, W), without gradients."""
    with torch.no_grad():
        pixels = pixels_of(crops, network.config)
        bits = code_length(network(pixels.contexts), pixels, network.config)
    return bits.mean().item() / network.config.channels


def learning_rate(step, config):
    """Linear warm-up over 500 steps, then a cosine to a hundredth."""
    warm = min(1.0, (step + 1) / 500)
    return config.learning_rate * warm * (0.505 + 0.495 * math.cos(math.pi * step / config.steps))


def save(path, config, step, network, average, optimizer):
    """Writes a checkpoint atomically."""
    state = {
        "config": dataclasses.asdict(config),
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    torch.save(state, f"{path}.tmp")
    os.replace(f"{path}.tmp", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("images", help="file written by `data.py pack`")
    parser.add_argument("checkpoint")
    parser.add_argument("--steps", type=int, help="overrides the configuration")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", type=int, default=500, help="steps between progress lines and checkpoints")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    config = Config.read(options.config)
    if options.steps:
        config = dataclasses.replace(config, steps=options.steps)
    training, held_out = data.load(options.images, config)
    rng = np.random.default_rng(VALIDATION_SEED)
    validation = data.sample_crops(held_out, VALIDATION_CROPS, VALIDATION_SIDE, config, rng)
    validation = torch.from_numpy(validation).to(options.device)

    torch.manual_seed(config.seed)
    network = Network(config).to(options.device)
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
    )
    first = 0
    if os.path.exists(options.checkpoint):
        state = torch.load(options.checkpoint, weights_only=True)
        first = state["step"]
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])

    @torch.compile(dynamic=False)
    def loss_of(crops):
        pixels = pixels_of(crops, config)
        return code_length(network(pixels.contexts), pixels, config).mean() / config.channels

    started, running = time.time(), 0.0
    for step in range(first, config.steps):
        # One generator per step: a resumed run draws the crops that an uninterrupted one would have drawn.
        rng = np.random.default_rng((config.seed, step))
        crops = data.sample_crops(training, config.batch, config.crop, config, rng)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        loss = loss_of(torch.from_numpy(crops).to(options.device))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        decay = min(config.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for mean, current in zip(average.parameters(), network.parameters()):
                mean.lerp_(current, 1 - decay)
        running += loss.item()
        if (step + 1) % options.report == 0 or step + 1 == config.steps:
            pixels = config.batch * config.crop**2
            rate = pixels * (step + 1 - first) / (time.time() - started)
            print(
                f"step {step + 1} of {config.steps}  {pixels * (step + 1) / 1e6:.0f} MP seen"
                f"  training {running / options.report:.4f}  validation {bits_per_sample(average, validation):.4f} bpsp"
                f"  {rate / 1e3:.0f} kP/s",
                flush=True,
            )
            running = 0.0
            save(options.checkpoint, config, step + 1, network, average, optimizer)


if __name__ == "__main__":
    main()
