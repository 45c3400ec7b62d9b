"""Trains a model of the bits-back family on its bound; resumes from its checkpoint if there is one.

    python bound.py configs/realnvp.toml images.npz realnvp.pt [--widen realnvp-narrow.pt] [--steps N] [--threads N]

The progress line shows the bound in bpsp and its terms, for the average of the weights, on fixed patches of held-out
training images. Matrices are trained by Muon, everything else by AdamW.
"""

import copy
import dataclasses
import pathlib
import time
import tomllib

import numpy as np
import torch

import data
import quantize
import train
from realnvp import RealNvp
from vae import Vae

torch._dynamo.config.recompile_limit = 256  # one compilation per shape of contexts

PATCH = 64  # side of a patch of the codec
VALIDATION_PATCHES, VALIDATION_SEED = 64, 2026
CONSTANTS_RATE = 0.1  # learning rate of a program's constants, relative to the others


@dataclasses.dataclass(frozen=True)
class Config:
    """A configuration file of configs/."""

    name: str
    planes: str
    channels: int
    coupling: str  # "affine", "additive" or "autoregressive"
    dequantization: str  # "uniform", "variational", or "none" for a model with latents
    taps: int  # taps of contexts
    hidden: tuple
    noise_hidden: tuple  # hidden layers of dequantization, or of the posteriors of latents
    batch: int  # patches per step
    steps: int
    learning_rate: float  # of Muon
    adam_rate: float  # of AdamW
    weight_decay: float
    average: float
    seed: int
    augment: float = 0.0
    finish: int = 0  # as in model.Config
    latents: tuple = ()  # channels of each level, if there are any
    components: int = 0  # components of the mixtures of samples given latents
    posterior: str = "plain"  # or "iaf"
    prior: str = "flow"  # of the coarsest latents, or "autoregressive", "mixture", or "standard": the base, scaled
    base: str = "logistic"  # or "gaussian": of what is factored out, and of noise

    context = "patches"
    grid = quantize.WIDE

    @property
    def gaussian(self):
        return self.base == "gaussian"

    @staticmethod
    def read(path):
        return Config(**tomllib.loads(pathlib.Path(path).read_text()))


def create(config):
    """The model of a configuration."""
    return Vae(config) if config.latents else RealNvp(config)


def patches(images, count, config, rng):
    """Random patches (count, C, PATCH, PATCH) minus 128, green first."""
    drawn = np.stack([data.photograph(image, PATCH, config.augment, rng) for image in data.drawn(images, count, rng)])
    drawn = drawn.transpose(0, 3, 1, 2)
    drawn = data.to_grey(drawn, rng) if config.planes == "grey" else drawn[:, [1, 0, 2]]
    return torch.from_numpy(drawn.astype(np.float32) - 128)


def terms(whole, crops):
    """The terms of the bound on patches, in bpsp."""
    sums = {}
    with torch.no_grad():
        for some in crops.split(8):
            for name, bits in whole(some).items():
                sums[name] = sums.get(name, 0.0) + bits.sum().item()
    return {name: bits / crops.numel() for name, bits in sums.items()}


def optimizers(whole, config):
    """Muon for the matrices of all layers but the last; AdamW for the rest, slower for the programs' constants."""
    layers = [layer for network in whole.networks for layer in network.layers]
    matrices = [layer.weight for network in whole.networks for layer in network.layers[:-1]]
    rest = [layer.bias for layer in layers] + [network.layers[-1].weight for network in whole.networks]
    ours = {id(parameter) for parameter in matrices + rest}
    constants = [parameter for parameter in whole.parameters() if id(parameter) not in ours and parameter.numel()]
    adam = [{"params": rest, "weight_decay": config.weight_decay}]
    if constants:
        adam.append({"params": constants, "weight_decay": 0.0})
    return [
        torch.optim.Muon(matrices, config.learning_rate, weight_decay=config.weight_decay),
        torch.optim.AdamW(adam, config.adam_rate, betas=(0.9, 0.99)),
    ]


def widen(whole, narrow):
    """Loads the weights of a model with fewer hidden units. The old units and the outputs ignore the new ones at first, so the
    function is the same."""
    with torch.no_grad():
        for name, weights in whole.state_dict().items():
            if weights.dim() == 2:
                weights[: narrow[name].shape[0], narrow[name].shape[1] :] = 0
            weights[tuple(slice(size) for size in narrow[name].shape)] = narrow[name]


def main():
    options = train.parser(__doc__, report=200)
    options.add_argument("--widen", metavar="CHECKPOINT", help="start from a model with fewer hidden units")
    options = options.parse_args()
    config = train.start(options, Config)
    training, held_out = data.load(options.images, config)
    validation = patches(held_out, VALIDATION_PATCHES, config, np.random.default_rng(VALIDATION_SEED))

    torch.manual_seed(config.seed)
    whole = create(config)
    whole.program.start(patches(training, VALIDATION_PATCHES, config, np.random.default_rng(config.seed)))
    if options.widen:
        widen(whole, torch.load(options.widen, weights_only=True)["network"])
    average = copy.deepcopy(whole)
    both = optimizers(whole, config)
    first = train.resume(options.checkpoint, config, "cpu", whole, average, both)

    started, running, reported = time.time(), 0.0, first
    for step in range(first, config.steps):
        # One generator per step: a resumed run draws the patches that an uninterrupted one would have drawn.
        crops = patches(training, config.batch, config, np.random.default_rng((config.seed, step)))
        torch.manual_seed(config.seed * 1_000_003 + step)
        loss = sum(whole(crops).values()).sum() / crops.numel()
        whole.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(whole.parameters(), 1.0)
        factor = train.schedule(step, config)
        both[0].param_groups[0]["lr"] = config.learning_rate * factor
        for group, rate in zip(both[1].param_groups, (1, CONSTANTS_RATE)):
            group["lr"] = config.adam_rate * rate * factor
        for optimizer in both:
            optimizer.step()
        train.update_average(average, whole, step, config)
        running += loss.item()
        if (step + 1) % options.report == 0 or step + 1 == config.steps:
            torch.manual_seed(VALIDATION_SEED)
            found = terms(average, validation)
            parts = "  ".join(f"{name} {bits:.4f}" for name, bits in found.items())
            rate = config.batch * PATCH**2 * (step + 1 - first) / (time.time() - started)
            print(
                f"step {step + 1} of {config.steps}  training {running / (step + 1 - reported):.4f}"
                f"  validation {sum(found.values()):.4f} bpsp  ({parts})  {rate / 1e3:.1f} kP/s",
                flush=True,
            )
            running, reported = 0.0, step + 1
            train.save(options.checkpoint, config, step + 1, whole, average, both)


if __name__ == "__main__":
    main()
