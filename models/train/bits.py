"""Where the bits of a flow are spent: bpsp of images under an exported model by level and phase; and what the same
mixtures would cost as densities of dequantized samples, the bound that an integer flow avoids.

    python bits.py ../colour-flow-DIGEST.onnx IMAGES_FOLDER

By Jensen's inequality, the mean over u of -log2 p(x + u) is at least -log2 of the mean of p(x + u), which is the
probability that the difference of the CDF at the edges of x gives (Theis et al. 2016). u is uniform in -1/2 ... 1/2.
"""

import argparse
import math

import numpy as np
import torch

import data
import evaluate
import export
import flow
import model

SEED = 2026


def density_bits(raw, pixels, config, noise):
    """-log2 of the joint density of dequantized samples, by pixel; the channels' coupling is as in the codec."""
    logits, means, scales, coefficients, _ = model.mixture_parameters(raw, config, pixels)
    log_joint = torch.log_softmax(logits * math.log(2), 0)
    for c in range(config.channels):
        mean = model.channel_mean(c, means, coefficients, pixels)
        z = (pixels.samples[c] + noise[c] - mean) * torch.exp2(-scales[c])
        log_joint = log_joint + torch.nn.functional.logsigmoid(z) + torch.nn.functional.logsigmoid(-z)
        log_joint = log_joint - scales[c] * math.log(2)
    return -torch.logsumexp(log_joint, 0) / math.log(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("images")
    options = parser.parse_args()
    networks, config = evaluate.read_networks(options.model)
    generator = torch.Generator().manual_seed(SEED)
    sums = np.zeros((flow.LEVELS, len(networks), 3))  # samples, bits, bits of the densities
    for path in data.list_images(options.images):
        image = data.read_image(path)
        for tile in evaluate.tiles(image[:, :, 1:2] if config.channels == 1 else image, evaluate.TILE_SIDE):
            for level in range(flow.LEVELS):
                for phase, (layers, pixels) in enumerate(zip(networks, evaluate.level_pixels(config, tile, level))):
                    if pixels.samples.shape[1] == 0:
                        continue
                    raw = evaluate.raw_outputs(layers, config, pixels.contexts)
                    noise = torch.rand(pixels.samples.shape, generator=generator) - 0.5
                    bits = model.code_length(raw, pixels, config).sum().item()
                    density = density_bits(raw, pixels, config, noise).sum().item()
                    sums[level, phase] += pixels.samples.numel(), bits, density
    samples = sums[..., 0].sum()
    print("| level | phase | share of the samples | bits per sample of these | bpsp | dequantized, bpsp |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for level in range(flow.LEVELS):
        for phase in range(len(networks)):
            count, bits, density = sums[level, phase]
            shares = f"{count / samples:.4f} | {bits / count:.4f} | {bits / samples:.4f} | {density / samples:.4f}"
            print(f"| {level} | {phase} | {shares} |")
    count, bits, density = sums.sum((0, 1))
    print(f"| all | | 1 | {bits / count:.4f} | {bits / count:.4f} | {density / count:.4f} |")


if __name__ == "__main__":
    main()
