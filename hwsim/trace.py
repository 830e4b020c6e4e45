"""From a torch module to a workload."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hwsim.workload import Conv2d, MatMul, Network, Size

if TYPE_CHECKING:
    from torch import Tensor, nn


def trace(
    module: "nn.Module",
    example_input: "Tensor | tuple[Any, ...]",
    name: str | None = None,
    ignore: Iterable[str] = (),
) -> Network:
    """Count a torch module's layers by running it once on an example.

    Linear, Conv2d, LSTM and GRU layers become `MatMul` and `Conv2d`; layers without parameters (ReLU, pooling, flatten)
    cost no MACs and are left out. A layer that runs several times with the same shape gets that many `steps` (a
    convolution: that many images).

    Parameters
    ----------
    module : torch.nn.Module
    example_input : tensor or tuple of tensors; the first dimension is the batch.
    name : str, name of the network; the class of the module by default.
    ignore : names of layers to leave out of the count.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        When a layer with parameters is of a kind that is not counted, did not run, or `ignore` names no layer.

    Examples
    --------
    >>> import torch
    >>> from torch.nn import Linear, ReLU, Sequential
    >>> model = Sequential(Linear(784, 300), ReLU(), Linear(300, 10))
    >>> network = trace(model, torch.zeros(1, 784), "small")
    >>> network.params, network.macs
    (238510, 238200)
    """
    import torch

    found: dict[str, list[MatMul | Conv2d]] = {}
    names, ignore = dict(module.named_modules()), set(ignore)
    unknown = ignore - set(names)
    if unknown:
        raise ValueError(f"ignore names {sorted(unknown)}, but the layers are {sorted(filter(None, names))}")
    counted = {
        n: m for n, m in names.items() if n not in ignore and any(True for _ in m.parameters(recurse=False))
    }
    hooks, training = [], {m: m.training for m in module.modules()}

    def record(layer_name: str) -> Callable[..., None]:
        def hook(layer: "nn.Module", inputs: "tuple[Tensor, ...]", output: Any) -> None:
            for counted_layer in _layers(layer_name, layer, inputs[0]):
                found.setdefault(counted_layer.name, []).append(counted_layer)

        return hook

    try:
        module.eval()
        for layer_name, layer in counted.items():
            hooks.append(layer.register_forward_hook(record(layer_name)))
        with torch.no_grad():
            module(*example_input) if isinstance(example_input, tuple) else module(example_input)
    finally:
        for hook in hooks:
            hook.remove()
        for layer, mode in training.items():
            layer.training = mode
    silent = [n for n in counted if not any(key.split("/")[0] == (n or "layer") for key in found)]
    if silent:
        raise ValueError(
            f"layer {silent[0]!r} did not run on the example; leave it out with ignore=[{silent[0]!r}]"
        )
    return Network(name or type(module).__name__, [_merge(calls) for calls in found.values()])


def _layers(name: str, layer: "nn.Module", x: "Tensor") -> Sequence[MatMul | Conv2d]:
    """The layers that one call of a torch layer on `x` amounts to."""
    from torch import nn

    bias, label = getattr(layer, "bias", None), name or "layer"
    if isinstance(layer, nn.Linear):
        return [
            MatMul(
                label, x.numel() // x.shape[-1], layer.in_features, layer.out_features, bias=bias is not None
            )
        ]
    if isinstance(layer, nn.Conv2d) and not isinstance(layer.padding, str) and set(layer.dilation) == {1}:
        batch = x.shape[0] if x.dim() == 4 else 1
        return [
            Conv2d(
                label,
                layer.in_channels,
                layer.out_channels,
                height=x.shape[-2],
                width=x.shape[-1],
                kernel=_plain(layer.kernel_size),
                stride=_plain(layer.stride),
                padding=_plain(layer.padding),
                groups=layer.groups,
                batch=batch,
                bias=bias is not None,
            )
        ]
    if isinstance(layer, nn.LSTM | nn.GRU) and not getattr(layer, "proj_size", 0):
        return _recurrent(label, layer, x)
    raise ValueError(
        f"layer {name!r} ({type(layer).__name__}) has parameters but is of a kind that hwsim does not count; "
        f"it counts Linear, Conv2d (no dilation, padding in numbers), LSTM and GRU (no projection). "
        f"Leave it out with ignore=[{name!r}], or write its MatMul by hand"
    )


def _recurrent(label: str, layer: "nn.LSTM | nn.GRU", x: "Tensor") -> list[MatMul]:
    """For each layer and direction, the product with the input and the product with the state, once a time step."""
    from torch import nn

    if x.dim() == 2:
        steps, batch = x.shape[0], 1
    else:
        batch, steps = x.shape[:2] if layer.batch_first else (x.shape[1], x.shape[0])
    directions = 2 if layer.bidirectional else 1
    gates = (3 if isinstance(layer, nn.GRU) else 4) * layer.hidden_size
    matmuls = []
    for i in range(layer.num_layers):
        inputs = layer.input_size if i == 0 else directions * layer.hidden_size
        for direction in ["", "_reverse"][:directions]:
            for part, k in [("ih", inputs), ("hh", layer.hidden_size)]:
                name = f"{label}/{part}_l{i}{direction}"
                matmuls.append(MatMul(name, batch, k, gates, steps=steps, bias=layer.bias))
    return matmuls


def _merge(calls: Sequence[MatMul | Conv2d]) -> MatMul | Conv2d:
    """One layer for several calls with the same weights."""
    if len(calls) == 1:
        return calls[0]
    if len(set(calls)) > 1:
        raise ValueError(
            f"layer {calls[0].name!r} runs on inputs of different shapes; write its layers by hand"
        )
    layer = calls[0]
    if isinstance(layer, Conv2d):
        return replace(layer, batch=layer.batch * len(calls))
    return replace(layer, steps=layer.steps * len(calls))


def _plain(size: tuple[int, ...]) -> Size:
    """(3, 3) as 3: how a person would write it."""
    return size[0] if size[0] == size[1] else (size[0], size[1])
