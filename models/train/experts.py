"""Trains experts: networks of one shape, each for one kind of photograph. The encoder chooses one for an image.

    python experts.py configs/colour-turbo.toml photographs.npz colour-turbo.pt [--steps N] [--report N] [--offsets]

starts from a trained network and writes `colour-turbo-1.pt` and so on, first the expert for most photographs. A source
is a photograph, as it is or after one of the changes of augment.py. At first, the sources are clustered by the gradients
that they yield; then, each expert is trained on the sources that it codes best, and these are found anew at each report
(hard EM, as in multiple choice learning, Guzman-Rivera et al. 2012). Resumes from `colour-turbo-experts.pt` if there is
one.

With --offsets, it starts from these experts instead, and replaces them. Each source then has offsets of the biases, as
an encoder finds them for an image, which are trained with the rest and thrown away: weights need not suit all sources
alike. Resumes from `colour-turbo-offsets.pt`.

The progress line shows bpsp on crops of held-out images, without offsets: of the network that it started from, and under
the best expert for each source.
"""

import copy
import dataclasses
import os
import pathlib
import time

import numpy as np
import torch

import augment
import data
import train
from model import Config, Network, code_length, pixels_of

EXPERTS, STEPS = 4, 8000  # steps of each expert
RATE, WARM_UP = 0.3, 200  # of the configuration's learning rates at the start; they fall to zero; steps until they are reached
OFFSETS_RATE = 0.01  # of Adam, for half of the steps; then it falls to zero
SEED = 2026
MEASURED_CROPS, MEASURED_SIDE = (4, 1), 32  # for each photograph as it is, and after each change
HELD_OUT_CROPS, HELD_OUT_SIDE = (12, 2), 48
CLUSTERINGS, ITERATIONS = 10, 30  # of k-means
PRECISION = torch.bfloat16  # of the products


def sources_of(images, share):
    """All (image, change or None), and the weight of each: its share of the training pixels."""
    areas = np.array([image.shape[0] * image.shape[1] for image in images], dtype=np.float64)
    sources = [(image, change) for image in images for change in (None, *augment.CHANGES)]
    weights = [1 - share, *[share / len(augment.CHANGES)] * len(augment.CHANGES)]
    return sources, np.outer(areas / areas.sum(), weights).ravel()


def sample(sources, side, config, rng):
    """A random crop of each source, as in data.py: (sources, planes, side + REACH, side + 2 REACH) uint8."""
    windows = [
        data.photograph(image, side + 2 * data.REACH, float(change is not None), rng, (change,))
        for image, change in sources
    ]
    return data.of_planes(data.causal(windows), config, rng)


def fixed_crops(sources, counts, side, config):
    """Fixed crops of each source: the first count for photographs as they are, the second for changed ones."""
    rng = np.random.default_rng(SEED)
    return [
        torch.from_numpy(sample([source] * counts[source[1] is not None], side, config, rng)) for source in sources
    ]


def bits_of(network, crops, config):
    """bpsp of each source."""
    with torch.no_grad():
        pixels = (pixels_of(of_source, config) for of_source in crops)
        bits = [code_length(network(each.contexts.to(PRECISION)), each, config).mean() for each in pixels]
    return torch.stack(bits).numpy() / config.channels


def gradients_of(network, crops, config):
    """The directions of the gradients of the last two layers' parameters, relative to their mean: (sources, parameters)."""
    parameters = [parameter for layer in network.layers[-2:] for parameter in layer.parameters()]
    gradients = []
    for of_source in crops:
        pixels = pixels_of(of_source, config)
        loss = code_length(network(pixels.contexts), pixels, config).mean()
        gradients.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters)]).numpy())
    gradients = np.stack(gradients) - np.mean(gradients, 0)
    gradients /= gradients.std(0) + 1e-9
    return gradients / np.linalg.norm(gradients, axis=1, keepdims=True)


def clusters_of(directions, weights):
    """The cluster of each source, by spherical k-means; the best of some clusterings."""
    rng = np.random.default_rng(SEED)

    def clustering():
        centres = directions[rng.choice(len(directions), EXPERTS, replace=False, p=weights)]
        for _ in range(ITERATIONS):
            clusters = (directions @ centres.T).argmax(1)
            members = np.eye(EXPERTS)[clusters] * weights[:, None]
            centres = members.T @ directions
            centres /= np.linalg.norm(centres, axis=1, keepdims=True) + 1e-9
        likeness = directions @ centres.T
        return weights @ likeness.max(1), likeness.argmax(1)

    return max((clustering() for _ in range(CLUSTERINGS)), key=lambda found: found[0])[1]


class Offsets:
    """Offsets of an expert's biases, for each source."""

    def __init__(self, expert, sources):
        self.rows = [len(layer.bias) for layer in expert.layers]
        self.table = torch.nn.Embedding(sources, sum(self.rows), sparse=True)
        torch.nn.init.zeros_(self.table.weight)
        self.optimizer = torch.optim.SparseAdam(self.table.parameters(), OFFSETS_RATE, betas=(0.9, 0.99))

    def of(self, drawn):
        """The offsets (crops, rows) of each layer, for the sources of crops."""
        return self.table(torch.from_numpy(drawn)).split(self.rows, 1)

    def take(self, share):
        """One step, when this share of all steps is done."""
        self.optimizer.param_groups[0]["lr"] = OFFSETS_RATE * min(1, 2 - 2 * share)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def centre(self, expert, own, weights):
        """Moves the mean over the expert's own sources into its biases."""
        with torch.no_grad():
            mean = torch.from_numpy(weights / weights.sum()).float() @ self.table.weight[own]
            self.table.weight -= mean
            for layer, part in zip(expert.layers, mean.split(self.rows)):
                layer.bias += part


def main():
    parser = train.parser(__doc__, report=2000)
    parser.add_argument("--offsets", action="store_true", help="trains experts on, with offsets for each source")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config, steps = Config.read(options.config), options.steps or STEPS
    images, held_out = data.load(options.images, config)
    sources, weights = sources_of(images, config.augment)
    crops = fixed_crops(sources, MEASURED_CROPS, MEASURED_SIDE, config)
    held_out, held_out_weights = sources_of(held_out, config.augment)
    held_out = fixed_crops(held_out, HELD_OUT_CROPS, HELD_OUT_SIDE, config)

    start, base = torch.load(options.checkpoint, weights_only=True), Network(config)
    base.load_state_dict(start["average"])
    before = held_out_weights @ bits_of(base, held_out, config)
    name = pathlib.Path(options.checkpoint).with_suffix("")
    paths = [f"{name}-{number}.pt" for number in range(1, EXPERTS + 1)]
    if options.offsets:
        experts = [copy.deepcopy(base) for _ in range(EXPERTS)]
        for expert, path in zip(experts, paths):
            start = torch.load(path, weights_only=True)
            expert.load_state_dict(start["average"])
    else:
        units = base.revive(torch.cat([pixels_of(of_source, config).contexts for of_source in held_out]))
        print(f"{units} units set anew", flush=True)
        experts = [copy.deepcopy(base) for _ in range(EXPERTS)]
    optimizers = [train.optimizers(expert, config) for expert in experts]
    centred = [train.CentredStep(expert, pair) for expert, pair in zip(experts, optimizers)]

    def own_of(experts):
        """The best expert of each source."""
        return np.stack([bits_of(expert, crops, config) for expert in experts]).argmin(0)

    offsets = [Offsets(expert, len(sources)) for expert in experts] if options.offsets else []
    state_path = f"{name}-{'offsets' if options.offsets else 'experts'}.pt"
    if os.path.exists(state_path):
        state = torch.load(state_path, weights_only=True)
        for expert, held in zip(experts, state["experts"]):
            expert.load_state_dict(held)
        for pair, step, held in zip(optimizers, centred, state["optimizers"]):
            for optimizer, part in zip([*pair, step], held):
                optimizer.load_state_dict(part)
        for of_expert, (table, optimizer) in zip(offsets, state["offsets"]):
            of_expert.table.load_state_dict(table)
            of_expert.optimizer.load_state_dict(optimizer)
        first, clusters = state["step"], np.array(state["clusters"])
    else:
        first, clusters = 0, own_of(experts) if offsets else clusters_of(gradients_of(base, crops, config), weights)

    @torch.compile(dynamic=False)
    def prepare(crops):
        pixels = pixels_of(crops, config)
        return pixels._replace(contexts=pixels.contexts.to(PRECISION))

    @torch.compile(dynamic=False)
    def loss_of(raw, pixels):
        return code_length(raw, pixels, config).mean() / config.channels

    def train_expert(index, first, last):
        expert, own = experts[index], np.flatnonzero(clusters == index)
        for step in range(first, last):
            rng = np.random.default_rng((config.seed, index, step))
            drawn = rng.choice(own, config.batch, p=weights[own] / weights[own].sum())
            pixels = prepare(torch.from_numpy(sample([sources[which] for which in drawn], config.crop, config, rng)))
            of_crops = offsets[index].of(drawn) if offsets else None
            loss = loss_of(expert(pixels.contexts, of_crops), pixels._replace(contexts=None))
            expert.zero_grad()
            loss.backward()
            factor = RATE * min((step + 1) / WARM_UP, 1 - step / steps)
            for optimizer, rate in zip(optimizers[index], (config.learning_rate, config.adam_rate)):
                optimizer.param_groups[0]["lr"] = rate * factor
            centred[index].take([pixels])
            if offsets:
                offsets[index].take(step / steps)
        if offsets:
            offsets[index].centre(expert, own, weights[own])

    for step in range(first, steps, options.report):
        started, last = time.time(), min(step + options.report, steps)
        for index in range(EXPERTS):
            train_expert(index, step, last)
        pixels_per_step = EXPERTS * config.batch * config.crop**2
        rate = pixels_per_step * (last - step) / (time.time() - started)
        clusters = own_of(experts)
        shares = [weights[clusters == index].sum() for index in range(EXPERTS)]
        best = held_out_weights @ np.stack([bits_of(expert, held_out, config) for expert in experts]).min(0)
        print(
            f"step {last} of {steps}  {pixels_per_step * last / 1e6:.0f} MP seen  held out {before:.4f}, with the best"
            f" expert {best:.4f} bpsp  shares {' '.join(f'{share:.2f}' for share in shares)}  {rate / 1e3:.0f} kP/s",
            flush=True,
        )
        state = {
            "step": last,
            "clusters": clusters.tolist(),
            "experts": [expert.state_dict() for expert in experts],
            "optimizers": [
                [optimizer.state_dict() for optimizer in [*pair, step]] for pair, step in zip(optimizers, centred)
            ],
            "offsets": [(each.table.state_dict(), each.optimizer.state_dict()) for each in offsets],
        }
        torch.save(state, f"{state_path}.tmp")
        os.replace(f"{state_path}.tmp", state_path)
    unchanged = weights * np.array([change is None for _, change in sources])
    order = sorted(range(EXPERTS), key=lambda index: -unchanged[clusters == index].sum())
    for number, (index, path) in enumerate(zip(order, paths), 1):
        of_expert = dataclasses.replace(config, name=f"{config.name}-{number}")
        train.save(path, of_expert, start["step"] + steps, experts[index], experts[index], [])


if __name__ == "__main__":
    main()
