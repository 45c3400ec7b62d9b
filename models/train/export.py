"""Exports a checkpoint as an integer network in ONNX, under the numerical contract of src/model/contract.rs.

    python export.py colour.pt ../

writes NAME-DIGEST.onnx (the first 8 hex digits of the file's SHA-256) and prints its registry line. It exports the
average in the checkpoint: int8 weights, int32 biases, one power-of-two scale per output row. Every layer is

    y = Floor((x W + (bias + delta)) * 2^-shift), then Clip

with 2^-shift multiplied into W, bias and delta, which is exact in float32. The delta is an input of the graph,
`delta_i`, already multiplied by 2^-shift; the rest is constant. Asserted for every row:
input_max * sum|w| + |bias| + DELTA_MAX < 2^24. The networks of a flow are in one graph, with all names of phase N
beginning with `phaseN.`.
"""

import argparse
import hashlib
import math
import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import flow
import model
import programs
import quantize

OPSET, IR_VERSION = 17, 8
OUTPUT_MIN, OUTPUT_MAX = -(2**15), 2**15 - 1
OPERATORS = {"Cast", "Add", "Mul", "Gemm", "Floor", "Clip"}
METADATA = "family", "version", "context", "name", "channels", "components", "program", "known_answer", "training"
KNOWN_ANSWER_ROWS, KNOWN_ANSWER_SEED = 1024, 0x616E73656C


def output_gains(config):
    """log2 of the gain of each output."""
    if isinstance(config, programs.Shape):
        return np.log2(config.gains)
    k, c = config.components, config.channels
    groups = [
        (k, model.LOGIT_GAIN),
        (k * c, model.MEAN_GAIN),
        (k * c, model.LOG_SCALE_GAIN),
        (config.output_size - k - 2 * k * c - config.pinned, model.COEFFICIENT_GAIN),
        (config.pinned, model.LOGIT_GAIN),
    ]
    return np.concatenate([np.full(count, math.log2(gain)) for count, gain in groups])


def integer_layers(network):
    """The network as a list of (weight (in, out), bias (out), shift (out)) int64 arrays."""
    layers, grid = [], network.config.grid
    maxima = grid.input_maxima(len(network.layers))
    for index, (layer, weight, maximum) in enumerate(zip(network.layers, network.weights(), maxima)):
        input_fraction = grid.activation_fraction if index else grid.context_fraction
        last = index == len(network.layers) - 1
        fraction = model.OUTPUT_FRACTION + output_gains(network.config) if last else grid.activation_fraction
        # A shift is not negative; a weight that is too large for that is cut off.
        exponent = quantize.row_exponents(weight.detach(), maximum).double()
        exponent = exponent.maximum(torch.as_tensor(fraction - input_fraction, dtype=exponent.dtype))
        weight = torch.round(weight.detach().double() * torch.exp2(exponent)[:, None])
        weight = weight.clamp(-quantize.WEIGHT_MAX, quantize.WEIGHT_MAX)
        bias = layer.bias.detach().double() * torch.exp2(exponent + input_fraction)
        shift = (exponent + input_fraction).numpy() - fraction
        half = np.exp2(shift - 1)  # so that Floor rounds to nearest
        bias = np.floor(bias.numpy() + half + 0.5)
        weight, bias, shift = (np.asarray(a).astype(np.int64) for a in (weight.T, bias, shift))
        assert np.abs(weight).max() <= quantize.WEIGHT_MAX
        assert (0 <= shift).all() and (shift < 24).all(), shift
        bound = maximum * np.abs(weight).sum(0) + np.abs(bias) + quantize.DELTA_MAX
        assert (bound < quantize.EXACT).all(), "row bound"
        layers.append((weight, bias, shift))
    return layers


def evaluate_integers(layers, grid, context, deltas=None):
    """The exported function in int64: context (pixels, inputs) -> outputs (pixels, outputs)."""
    x = context.astype(np.int64)
    for index, (weight, bias, shift) in enumerate(layers):
        # Exact: all sums are integers below 2^24 in magnitude, and float64 is exact up to 2^53.
        total = (x.astype(np.float64) @ weight.astype(np.float64)).astype(np.int64) + bias
        if deltas is not None:
            total = total + deltas[index]
        last = index == len(layers) - 1
        limits = (OUTPUT_MIN, OUTPUT_MAX) if last else (0, grid.activation_max)
        x = np.clip(total >> shift, *limits)
    return x


def split_mix(seed, count):
    """The first `count` outputs of SplitMix64 (Steele et al. 2014) as uint64."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def known_answer(layers, grid):
    """SHA-256 (hex) of the outputs on seeded contexts, without and then with seeded deltas, as int16 LE."""
    inputs, sizes = layers[0][0].shape[0], [len(bias) for _, bias, _ in layers]
    count = KNOWN_ANSWER_ROWS * inputs
    random = split_mix(KNOWN_ANSWER_SEED, count + sum(sizes))
    largest = grid.context_max - 1
    context = (random[:count] % np.uint64(2 * largest + 1)).astype(np.int64).reshape(-1, inputs) - largest
    context >>= np.arange(KNOWN_ANSWER_ROWS)[:, None] % 8
    delta = (random[count:] % np.uint64(2049)).astype(np.int64) - 1024
    deltas = np.split(delta, np.cumsum(sizes)[:-1])
    outputs = [evaluate_integers(layers, grid, context, given) for given in (None, deltas)]
    return hashlib.sha256(np.concatenate(outputs).astype("<i2").tobytes()).hexdigest()


def layer_nodes(prefix, index, last, source):
    """The nodes of one layer and the name of its output."""
    n = lambda name: f"{prefix}{name}_{index}"
    clip = [prefix + name for name in (("output_min", "output_max") if last else ("activation_min", "activation_max"))]
    output = prefix + "parameters" if last else n("activation")
    return [
        helper.make_node("Cast", [n("weight")], [n("weight_real")], to=TensorProto.FLOAT),
        helper.make_node("Mul", [n("weight_real"), n("scale")], [n("weight_scaled")]),
        helper.make_node("Cast", [n("bias")], [n("bias_real")], to=TensorProto.FLOAT),
        helper.make_node("Mul", [n("bias_real"), n("scale")], [n("bias_scaled")]),
        helper.make_node("Add", [n("bias_scaled"), n("delta")], [n("bias_moved")]),
        helper.make_node("Gemm", [source, n("weight_scaled"), n("bias_moved")], [n("sum")]),
        helper.make_node("Floor", [n("sum")], [n("floor")]),
        helper.make_node("Clip", [n("floor"), *clip], [output]),
    ], output


def build_network(prefix, layers, grid):
    """The nodes, initializers, inputs and output of a network of integer layers."""
    scalar = lambda value, name: numpy_helper.from_array(np.float32(value), prefix + name)
    initializers = [
        scalar(0, "activation_min"),
        scalar(grid.activation_max, "activation_max"),
        scalar(OUTPUT_MIN, "output_min"),
        scalar(OUTPUT_MAX, "output_max"),
    ]
    source = prefix + "context"
    inputs = [helper.make_tensor_value_info(source, TensorProto.FLOAT, [prefix + "pixels", layers[0][0].shape[0]])]
    nodes = []
    for index, (weight, bias, shift) in enumerate(layers):
        initializers += [
            numpy_helper.from_array(weight.astype(np.int8), f"{prefix}weight_{index}"),
            numpy_helper.from_array(bias.astype(np.int32)[None], f"{prefix}bias_{index}"),
            numpy_helper.from_array(np.exp2(-shift).astype(np.float32)[None], f"{prefix}scale_{index}"),
        ]
        shape = [f"{prefix}delta_rows_{index}", len(bias)]
        inputs.append(helper.make_tensor_value_info(f"{prefix}delta_{index}", TensorProto.FLOAT, shape))
        more, source = layer_nodes(prefix, index, index == len(layers) - 1, source)
        nodes += more
    shape = [prefix + "pixels", layers[-1][0].shape[1]]
    return nodes, initializers, inputs, [helper.make_tensor_value_info(source, TensorProto.FLOAT, shape)]


def build(networks, grid, metadata):
    """The ONNX model of networks of integer layers, by prefix."""
    parts = [build_network(prefix, layers, grid) for prefix, layers in networks.items()]
    nodes, initializers, inputs, outputs = (sum(lists, []) for lists in zip(*parts))
    graph = helper.make_graph(nodes, metadata["ansel.name"], inputs, outputs, initializers)
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    result.producer_name = "ansel"
    helper.set_model_props(result, metadata)
    onnx.checker.check_model(result, full_check=True)
    assert {node.op_type for node in nodes} <= OPERATORS
    return result


def load_network(checkpoint):
    """The averaged network of a checkpoint, and the number of steps it was trained."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    config = model.Config(**state["config"])
    network = (flow.Flow if config.context == "levels" else model.Network)(config)
    network.load_state_dict(state["average"])
    return network, state["step"]


def arguments(description):
    """Command-line arguments: a checkpoint and a folder."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("folder")
    return parser.parse_args()


def write(folder, config, named, more, trained):
    """Writes the model file of networks of integer layers, by prefix; `more` is the metadata specific to the family."""
    values = {
        **more,
        "version": 1,
        "name": config.name,
        "channels": config.channels,
        "known_answer": " ".join(known_answer(layers, config.grid) for layers in named.values()),
        "training": f"seed {config.seed}, {trained}",
    }
    metadata = {f"ansel.{key}": str(values[key]) for key in METADATA if key in values}
    data = build(named, config.grid, metadata).SerializeToString(deterministic=True)
    digest = hashlib.sha256(data).hexdigest()
    path = pathlib.Path(folder) / f"{config.name}-{digest[:8]}.onnx"
    path.write_bytes(data)
    print(f"{path.name}  sha256 {digest}  {len(data)} bytes, {len(named)} networks")


def main():
    options = arguments(__doc__)
    network, steps = load_network(options.checkpoint)
    config = network.config
    is_flow = config.context == "levels"
    named = {f"phase{n}." if is_flow else "": integer_layers(part) for n, part in enumerate(network.networks)}
    more = {
        "family": "flow" if is_flow else "autoregressive",
        "context": config.context,
        "components": config.components,
    }
    write(options.folder, config, named, more, f"{steps} steps of {config.batch * config.crop**2} pixels")
    # All phases of a flow have the same number of pixels.
    multiplications = sum(weight.size for layers in named.values() for weight, _, _ in layers) / len(named)
    print(f"{multiplications / 1000:.1f} kMAC per pixel")


if __name__ == "__main__":
    main()
