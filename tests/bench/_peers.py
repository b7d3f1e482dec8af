"""The same network in the engines that one would pick instead: torch and onnxruntime.

Each has the float master's weights, runs on one thread, takes and gives numpy arrays, and
hands its state from call to call. Quantised engines make their 8-bit weights themselves, from
the float ones, and choose the scale of the activations anew in each call: they are fast, and
not exact.

Ref: ONNX operators, LSTM: gates in the order i, o, f, c (ours and torch's: i, f, g, o).
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

from tests.bench._engines import Advance, Engine, Floats, frames_first
from tests.bench._torch_network import TorchNetwork
from vau.model import Model

OPSET: Final = 17  # LSTM is that of 14; the newest that onnxruntime's quantiser rewrites
IR_VERSION: Final = 10  # older than the newest, which onnxruntime may not read yet


def peers(model: Model) -> dict[str, Engine]:
    """Return all of them by name; "torch_fp32_without_mkldnn" is the second mode of a first."""
    return {**_torch(model), **_onnxruntime(model)}


def _by_stream(logits: NDArray[Any]) -> NDArray[Any]:
    return logits.swapaxes(0, 1)


# --- torch ------------------------------------------------------------------------------


def _torch(model: Model) -> dict[str, Engine]:
    torch.set_num_threads(1)
    network = TorchNetwork(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and has no successor within torch
        eight_bit = torch.ao.quantization.quantize_dynamic(
            network, {torch.nn.LSTM, torch.nn.Linear}, dtype=torch.qint8
        )
    return {
        "torch_fp32_default": _torch_engine(network, model, torch.inference_mode),
        "torch_fp32_without_mkldnn": _torch_engine(network, model, _without_mkldnn),
        "torch_int8": _torch_engine(eight_bit, model, torch.inference_mode),
    }


def _torch_engine(network: Any, model: Model, during: Callable[[], Any]) -> Engine:  # noqa: ANN401
    shape = model.network

    def start(streams: int) -> Advance:
        zero = torch.zeros(shape.layers, streams, shape.hidden)
        state = (zero, zero)

        def advance(x: Floats) -> NDArray[Any]:
            nonlocal state
            logits, state = network(torch.from_numpy(x), state)
            answer: NDArray[Any] = logits.numpy()
            return answer

        return advance

    return Engine(start=start, arrange=frames_first, read=_by_stream, during=during)


@contextmanager
def _without_mkldnn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the switch also sets what only GPUs have, and says so
        with torch.inference_mode(), torch.backends.mkldnn.flags(enabled=False):
            yield


# --- onnxruntime ------------------------------------------------------------------------


def _onnxruntime(model: Model) -> dict[str, Engine]:
    graph = _graph(model)
    logging.getLogger().setLevel(logging.ERROR)  # its advice to preprocess is for convolutions
    with TemporaryDirectory() as folder:
        file = Path(folder) / "int8.onnx"
        quantize_dynamic(graph, file)
        eight_bit = file.read_bytes()
    return {
        "ort_fp32": _onnxruntime_engine(graph.SerializeToString(), model),
        "ort_int8": _onnxruntime_engine(eight_bit, model),
    }


def _onnxruntime_engine(graph: bytes, model: Model) -> Engine:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = _state_names(model)

    def start(streams: int) -> Advance:
        states = [np.zeros((1, streams, model.network.hidden), np.float32)] * len(names)

        def advance(x: Floats) -> NDArray[Any]:
            nonlocal states
            feeds = dict(zip(names, states, strict=True), x=x)
            answer: NDArray[Any]
            answer, *states = session.run(None, feeds)
            return answer

        return advance

    return Engine(start=start, arrange=frames_first, read=_by_stream)


def _state_names(model: Model) -> list[str]:
    return [f"{name}_{n}" for n in range(model.network.layers) for name in "hc"]


def _graph(model: Model) -> Any:  # noqa: ANN401  onnx is not typed here
    """Return the network as an ONNX model: x and states in, logits and next states out."""
    shape, names = model.network, _state_names(model)

    def value(name: str, *dims: str | int) -> Any:  # noqa: ANN401
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)

    graph = helper.make_graph(
        _nodes(model),
        model.name,
        inputs=[
            value("x", "frames", "streams", shape.inputs),
            *(value(name, 1, "streams", shape.hidden) for name in names),
        ],
        outputs=[
            value("logits", "frames", "streams", shape.classes),
            *(value(f"next_{name}", 1, "streams", shape.hidden) for name in names),
        ],
        initializer=[
            numpy_helper.from_array(np.ascontiguousarray(array), name)
            for name, array in _constants(model).items()
        ],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(made)
    return made


def _nodes(model: Model) -> list[Any]:
    nodes, x = [], "x"
    for n in range(model.network.layers):
        operands = [x, f"w_x_{n}", f"w_h_{n}", f"b_{n}", "", f"h_{n}", f"c_{n}"]
        results = [f"y_{n}", f"next_h_{n}", f"next_c_{n}"]
        nodes += [
            helper.make_node("LSTM", operands, results, hidden_size=model.network.hidden),
            helper.make_node("Squeeze", [f"y_{n}", "directions"], [f"x_{n + 1}"]),
        ]
        x = f"x_{n + 1}"
    return [
        *nodes,
        helper.make_node("MatMul", [x, "w_out"], ["products"]),
        helper.make_node("Add", ["products", "b_out"], ["logits"]),
    ]


def _constants(model: Model) -> dict[str, NDArray[Any]]:
    """Return the weights as ONNX has them: a first axis of one direction, and two biases."""
    master = model.master
    constants: dict[str, NDArray[Any]] = {
        "directions": np.array([1]),  # the axis of Y that Squeeze takes away
        "w_out": master["w_out"].T,
        "b_out": master["b_out"],
    }
    for n in range(model.network.layers):
        bias = _in_onnx_order(master[f"b_{n}"])
        constants[f"w_x_{n}"] = _in_onnx_order(master[f"w_x_{n}"])[np.newaxis]
        constants[f"w_h_{n}"] = _in_onnx_order(master[f"w_h_{n}"])[np.newaxis]
        constants[f"b_{n}"] = np.concatenate([bias, np.zeros_like(bias)])[np.newaxis]
    return constants


def _in_onnx_order(rows: NDArray[Any]) -> NDArray[Any]:
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, o, f, g])
