"""Exports a checkpoint of the bits-back family: a program, and its networks as integer functions, in one ONNX file.

    python export_bound.py realnvp.pt ../

writes NAME-DIGEST.onnx (the first 8 hex digits of the file's SHA-256). It exports the average in the checkpoint, each
network as export.py does; all names of network N start with `netN.`.
"""

import torch

import bound
import export


def load_model(checkpoint):
    """The averaged model of a checkpoint, and the number of steps it was trained."""
    state = torch.load(checkpoint, weights_only=True)
    whole = bound.create(bound.Config(**state["config"]))
    whole.load_state_dict(state["average"])
    return whole, state["step"]


def main():
    options = export.arguments(__doc__)
    whole, steps = load_model(options.checkpoint)
    config, networks = whole.config, []
    more = {"family": "bits-back", "program": "\n".join(whole.text(networks))}
    named = {f"net{index}.": export.integer_layers(network) for index, network in enumerate(networks)}
    export.write(options.folder, config, named, more, f"{steps} steps of {config.batch * bound.PATCH**2} pixels")


if __name__ == "__main__":
    main()
