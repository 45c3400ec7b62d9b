"""bpsp of exported autoregressive colour models on crops of held-out images, by change (augment.py).

    python categories.py photographs.npz ../colour-default-DIGEST.onnx [MORE_MODELS...]

prints a Markdown table with a row for the unchanged crops and one for each change, and a column for each model, or for
the best of its experts. It evaluates the integer networks, as in evaluate.py.
"""

import argparse
import re

import numpy as np

import augment
import data
import evaluate

CROPS, SIDE, SEED = 64, 48, 2026


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", help="file written by data.py")
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    models = {}
    for path in options.models:
        layers, config = evaluate.read_networks(path)
        models.setdefault(re.sub(r"-\d$", "", config.name), []).append((layers, config))
    _, held_out = data.load(options.images, config)
    print("| crops |", " | ".join(models), "|")
    print("| --- |" + " ---: |" * len(models))
    for name in [None, *augment.CHANGES]:
        rng = np.random.default_rng(SEED)
        crops = data.sample_photographs(held_out, CROPS, SIDE, 1.0 if name else 0.0, rng, (name,))
        bits = [min(evaluate.crop_bits(*layers, config, crops) for layers, config in alike) for alike in models.values()]
        samples = CROPS * 3 * SIDE**2
        print(f"| {name or 'as they are'} |", " | ".join(f"{value / samples:.4f}" for value in bits), "|", flush=True)


if __name__ == "__main__":
    main()
