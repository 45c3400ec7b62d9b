"""ELBO surgery (Hoffman and Johnson 2016): keeps the encoder and the decoder of a checkpoint, and trains several priors for
its coarsest latents, each alone. The cost of samples given latents stays the same; a better prior lowers the divergence.

    python surgery.py vae.pt images.npz [--steps N] [--patches N] [--threads N]
"""

import argparse
import dataclasses

import numpy as np
import torch

import bound
import data
import export_bound
import vae
from programs import Program

PRIORS = "standard", "mixture", "flow", "autoregressive"
BATCH, RATE = 32, 5e-3


def split(whole, patches):
    """The coarsest latents of patches; and the bits that do not depend on their prior, by term, in bpsp."""
    operations = list(whole.program.operations)
    first = len(operations) - len(vae.prior(whole.config.latents[-1], whole.config))
    latents, terms = [], {}
    with torch.no_grad():
        for x in patches.split(8):
            for operation in operations[:first]:
                x, bits = operation(x)
                bits = (torch.zeros(len(x)) + bits).sum().item() / patches.numel()
                terms[operation.term] = terms.get(operation.term, 0.0) + bits
            latents.append(x)
    return torch.cat(latents), terms


def trained(prior, latents, steps, rng):
    optimizer = torch.optim.Adam(prior.parameters(), RATE)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * min(1, 2 * (1 - step / steps))
        some = latents[torch.from_numpy(rng.integers(0, len(latents), BATCH))]
        optimizer.zero_grad()
        sum(prior(some).values()).mean().div(some[0].numel()).backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("images", help="file written by data.py")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--patches", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    whole, _ = export_bound.load_model(options.checkpoint)
    config, rng = whole.config, np.random.default_rng(bound.VALIDATION_SEED)
    training, held_out = data.load(options.images, config)
    torch.manual_seed(bound.VALIDATION_SEED)
    latents, _ = split(whole, bound.patches(training, options.patches, config, rng))
    validation = bound.patches(held_out, bound.VALIDATION_PATCHES, config, np.random.default_rng(bound.VALIDATION_SEED))
    held, terms = split(whole, validation)
    reconstruction = terms.pop("reconstruction")
    for name in PRIORS:
        prior = Program(vae.prior(config.latents[-1], dataclasses.replace(config, prior=name)))
        trained(prior, latents, options.steps, rng)
        with torch.no_grad():
            bits = sum(prior(held).values()).sum().item() / validation.numel()
        print(f"{name:<14} reconstruction {reconstruction:.4f}  KL {sum(terms.values()) + bits:.4f} bpsp, prior {bits:.4f}")


if __name__ == "__main__":
    main()
