"""Memory that training needs."""

from hwsim.workload import Network


def training_memory(network: Network, states: int = 2, bits: float = 32) -> dict[str, float]:
    """Bytes that one training step holds at the same time.

    Parameters
    ----------
    network : Network, built for the batch that is trained
    states : int, numbers that the optimizer keeps for each parameter: 0 for plain SGD, 1 with momentum, 2 for Adam
    bits : int, bits of each number

    Returns
    -------
    dict of part -> bytes. "activations" are the first layer's input and every layer's output, which the backward pass
    needs; what a framework keeps besides (outputs of ReLU and pooling, workspaces) is not counted.

    Examples
    --------
    >>> from hwsim import networks
    >>> memory = training_memory(networks.resnet50(batch=32))
    >>> {part: f"{size / 1e6:.0f} MB" for part, size in memory.items()}
    {'weights': '102 MB', 'gradients': '102 MB', 'optimizer': '204 MB', 'activations': '1442 MB'}
    """
    parameters = network.params * bits / 8
    activations = (network.layers[0].input_elements + network.output_elements) * bits / 8
    return {
        "weights": parameters,
        "gradients": parameters,
        "optimizer": states * parameters,
        "activations": activations,
    }
