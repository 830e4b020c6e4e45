"""An `IntegerNetwork` as an ONNX model, for any runtime that has ONNX's integer operators (chapter 06)."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from torch import nn


def to_onnx(network, shape):
    """ONNX model from int8 codes (n, *shape) to int8 codes, bytes.

    A layer becomes a QLinearConv, a fully connected one with a 1 x 1 kernel. That operator takes the scales of inputs,
    weights and outputs and needs their ratio only, so the ratio goes in as the scale of the weights, and 1 as the others.
    """
    constants, nodes, now = [], [], "codes"

    def constant(value, dtype):
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), f"constant{len(constants)}"))
        return constants[-1].name

    def node(operator, inputs, **attributes):
        nodes.append(helper.make_node(operator, inputs, [f"{operator}{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    for _, step in network.steps:
        if isinstance(step, nn.MaxPool2d):
            size, stride = [step.kernel_size] * 2, [step.stride] * 2
            now = node("MaxPool", [now], kernel_shape=size, strides=stride)
        elif isinstance(step, nn.Flatten):
            now = node("Flatten", [now])
        else:
            now = _layer(step, now, constant, node)
    graph = helper.make_graph(
        nodes,
        "integers",
        [helper.make_tensor_value_info("codes", TensorProto.INT8, ["n", *shape])],
        [helper.make_tensor_value_info(now, TensorProto.INT8, None)],
        constants,
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()


def _layer(step, now, constant, node):
    """Add the nodes of one layer; returns the name of its output."""
    linear = step.weight.ndim == 2
    axes = constant([2, 3], np.int64) if linear else None
    weight = step.weight[..., None, None] if linear else step.weight
    ones = constant(1, np.float32)
    # The operator takes the inputs' zero point off by itself.
    bias = step.bias + step.input_zero_point * step.weight.reshape(len(step.weight), -1).sum(
        1, dtype=np.int64
    )
    (top, left), groups = step.padding, step.groups
    result = node(
        "QLinearConv",
        [
            node("Unsqueeze", [now, axes]) if linear else now,
            ones,
            constant(step.input_zero_point, np.int8),
            constant(weight, np.int8),
            constant(step.multiplier / 2.0**step.shift, np.float32),
            constant(np.zeros(len(weight)), np.int8),
            ones,
            constant(step.zero_point, np.int8),
            constant(bias, np.int32),
        ],
        kernel_shape=weight.shape[2:],
        pads=[top, left, top, left],
        strides=step.stride,
        group=groups,
    )
    return node("Squeeze", [result, axes]) if linear else result
