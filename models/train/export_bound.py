"""Exports a checkpoint of the bits-back family: a program, and its networks as integer functions, in one ONNX file.

    python export_bound.py realnvp.pt ../

writes NAME-DIGEST.onnx (the first 8 hex digits of the file's SHA-256). What the checkpoint has as the average is exported, each
network as export.py does it; all names of network N begin with `netN.`.
"""

import argparse
import hashlib
import pathlib

import torch

import bound
import export
import quantize


def load_model(checkpoint):
    """The model of a checkpoint's average, and the steps it was trained."""
    state = torch.load(checkpoint, weights_only=True)
    whole = bound.create(bound.Config(**state["config"]))
    whole.load_state_dict(state["average"])
    return whole, state["step"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("folder")
    options = parser.parse_args()
    whole, steps = load_model(options.checkpoint)
    config, networks = whole.config, []
    text = whole.text(networks)
    layers = [export.integer_layers(network) for network in networks]
    metadata = {
        "ansel.family": "bits-back",
        "ansel.version": "1",
        "ansel.name": config.name,
        "ansel.channels": str(config.channels),
        "ansel.program": "\n".join(text),
        "ansel.known_answer": " ".join(export.known_answer(of_one, quantize.WIDE) for of_one in layers),
        "ansel.training": f"seed {config.seed}, {steps} steps of {config.batch * bound.PATCH**2} pixels",
    }
    named = {f"net{index}.": of_one for index, of_one in enumerate(layers)}
    data = export.build(named, quantize.WIDE, metadata).SerializeToString(deterministic=True)
    digest = hashlib.sha256(data).hexdigest()
    path = pathlib.Path(options.folder) / f"{config.name}-{digest[:8]}.onnx"
    path.write_bytes(data)
    print(f"{path.name}  sha256 {digest}  {len(data)} bytes, {len(layers)} networks")


if __name__ == "__main__":
    main()
