"""bpsp of exported autoregressive colour models on crops of held-out images, by change (augment.py).

    python categories.py photographs.npz ../colour-default-DIGEST.onnx [MORE_MODELS...]

prints a Markdown table with a row for the unchanged crops and one for each change, and a column for each model.
It evaluates the integer networks, as in evaluate.py.
"""

import argparse
import pathlib

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
    models = [evaluate.read_networks(path) for path in options.models]
    _, held_out = data.load(options.images, models[0][1])
    print("| crops |", " | ".join(f"`{pathlib.Path(path).stem}`" for path in options.models), "|")
    print("| --- |" + " ---: |" * len(models))
    for name in [None, *augment.CHANGES]:
        rng = np.random.default_rng(SEED)
        crops = data.sample_photographs(held_out, CROPS, SIDE, 1.0 if name else 0.0, rng, (name,))
        bits = [evaluate.crop_bits(*layers, config, crops) / (CROPS * 3 * SIDE**2) for layers, config in models]
        print(f"| {name or 'as they are'} |", " | ".join(f"{value:.4f}" for value in bits), "|", flush=True)


if __name__ == "__main__":
    main()
