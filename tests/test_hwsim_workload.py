"""Counts of layers and networks, by hand and against the published tables."""

import csv
from pathlib import Path

import pytest

import hwsim
from hwsim import Conv2d, MatMul, Network, networks

REFERENCE = Path(__file__).parent / "reference"


def test_matmul_counts():
    layer = MatMul("fc", m=2, k=3, n=5, bias=True)
    assert (layer.macs, layer.ops, layer.weights, layer.biases, layer.params) == (30, 60, 15, 5, 20)
    assert (layer.input_elements, layer.output_elements) == (6, 10)
    assert layer.weight_bytes() == 80
    assert layer.weight_bytes(bits=4) == 10
    assert layer.bytes(bits=8) == 36
    assert layer.intensity(bits=8) == 60 / 36


def test_steps_share_weights_and_groups_do_not():
    assert MatMul("state", 1, 4, 6, steps=10).weights == 24
    assert MatMul("state", 1, 4, 6, steps=10).macs == 240
    assert MatMul("heads", 1, 4, 6, groups=10).weights == 240
    assert MatMul("heads", 1, 4, 6, groups=10).macs == 240


def test_convolution_counts_by_hand():
    layer = Conv2d("conv", 2, 4, 5, 7, kernel=3, stride=2, padding=1, groups=2, batch=3, bias=True)
    assert layer.output_size == (3, 4)
    assert layer.output_elements == 3 * 4 * 3 * 4
    assert layer.weights == 4 * 1 * 9
    assert layer.params == 36 + 4
    assert layer.macs == layer.output_elements * 9
    assert layer.input_elements == 3 * 2 * 5 * 7


def test_a_pair_is_vertical_then_horizontal():
    assert Conv2d("conv", 1, 1, 8, 8, kernel=(3, 1), padding=(1, 0)).output_size == (8, 8)
    assert Conv2d("conv", 1, 1, 8, 8, kernel=1, stride=(2, 1)).output_size == (4, 8)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_convolution_as_matmul_keeps_its_counts(groups):
    layer = Conv2d("conv", 6, 12, 9, 8, kernel=3, stride=2, padding=1, groups=groups, batch=2, bias=True)
    matmul = layer.as_matmul()
    assert (matmul.macs, matmul.params) == (layer.macs, layer.params)
    assert matmul.output_elements == layer.output_elements
    assert matmul.input_elements > layer.input_elements


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MatMul("fc", 0, 1, 1), "fc: m must be an integer of at least 1"),
        (lambda: MatMul("fc", 1, 2.0, 1), "fc: k must be an integer"),
        (lambda: MatMul("fc", 1, 1, True), "fc: n must be an integer"),
        (lambda: Conv2d("c", 1, 1, 4, 4, kernel=5), "c: a kernel of 5 does not fit"),
        (lambda: Conv2d("c", 1, 1, 4, 4, kernel=(1, 2, 3)), "one number or a pair"),
        (lambda: Conv2d("c", 3, 4, 4, 4, 1, groups=2), "must divide in_channels=3"),
        (lambda: Conv2d("c", 1, 1, 4, 4, 1, padding=-1), "padding must be an integer of at least 0"),
        (lambda: Network("n", []), "at least one layer"),
        (lambda: Network("n", [MatMul("a", 1, 1, 1)] * 2), "two layers have the name 'a'"),
    ],
)
def test_bad_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_network_sums_its_layers_and_finds_them_by_name():
    network = networks.lenet5()
    for count in ["macs", "params", "weights", "biases", "input_elements", "output_elements"]:
        assert getattr(network, count) == sum(getattr(layer, count) for layer in network)
    assert network["conv2"].in_channels == 20
    assert len(network) == 4
    with pytest.raises(KeyError, match="no layer 'conv3', only conv1, conv2, fc1, fc2"):
        network["conv3"]
    last = network.table().splitlines()[-1].split()
    assert last[0] == "total"
    assert last[1] == "431,080"
    assert last[3] == "2,293,000"


# Han et al., NeurIPS 2015, Tables 2 to 5: weights and operations as printed. Table 4 prints 1.5B operations for
# AlexNet, though its own layers sum to 1449M; the sum stands here.
HAN = {
    "lenet_300_100": "fc1 235K 470K, fc2 30K 60K, fc3 1K 2K, total 266K 532K",
    "lenet5": "conv1 0.5K 576K, conv2 25K 3200K, fc1 400K 800K, fc2 5K 10K, total 431K 4586K",
    "alexnet": "conv1 35K 211M, conv2 307K 448M, conv3 885K 299M, conv4 663K 224M, conv5 442K 150M, "
    "fc6 38M 75M, fc7 17M 34M, fc8 4M 8M, total 61M 1449M",
    "vgg16": "conv5_2 2M 925M, conv5_3 2M 925M, fc6 103M 206M, fc7 17M 34M, fc8 4M 8M, total 138M 30.9B",
}


def printed(text):
    """Value of "30.9B" and one unit of its last digit."""
    number, unit = text[:-1], {"K": 1e3, "M": 1e6, "B": 1e9}[text[-1]]
    return float(number) * unit, unit * 10.0 ** -len(number.partition(".")[2])


@pytest.mark.parametrize("make", HAN)
def test_layers_match_han_2015(make):
    network = getattr(networks, make)()
    for line in HAN[make].split(", "):
        name, *figures = line.split()
        layer = network if name == "total" else network[name]
        for counted, text in zip([layer.weights, layer.ops], figures, strict=True):
            value, digit = printed(text)
            assert counted == pytest.approx(value, abs=digit)


def test_exact_totals():
    assert networks.lenet_300_100().params == 266_610
    assert networks.lenet5().params == 431_080
    assert networks.alexnet().params == 60_965_224
    assert networks.vgg16().params == 138_357_544
    assert networks.vgg16().macs == 15_470_264_320
    assert networks.lstm().params == 1201 * 2400
    assert networks.lstm(steps=7).macs == 7 * 1200 * 2400
    assert networks.lenet5(batch=8).macs == 8 * networks.lenet5().macs
    assert networks.lenet5(batch=8).params == networks.lenet5().params


def test_lenet5_of_1998_has_the_papers_connections():
    network = networks.lenet5_1998()
    biases = sum(layer.output_elements for layer in network if layer.bias)
    subsampling = 5 * (6 * 14 * 14 + 16 * 5 * 5)  # four inputs and a bias for each output of S2 and S4
    assert network.macs + biases + subsampling == 340_908
    assert pytest.approx(680e3, rel=0.005) == 2 * 340_908


def test_vgg16_in_bytes():
    megabytes = networks.vgg16().weight_bytes() / 1e6
    assert megabytes == pytest.approx(552, rel=0.003)  # Deep Compression, Table 1, prints 552 MB
    assert networks.vgg16().weight_bytes() / 2**20 == pytest.approx(528, rel=0.001)


def test_vgg16_convolutions_match_eyeriss_table_6():
    with (REFERENCE / "eyeriss_jssc_table6_vgg16.csv").open() as file:
        published = {row["Layer"]: float(row["MACs (G)"]) for row in csv.DictReader(file)}
    network = networks.vgg16(batch=3)
    for layer in network.layers[:13]:
        name = layer.name.upper().replace("_", "-")
        assert layer.macs / 1e9 == pytest.approx(published[name], abs=0.006)
    assert sum(layer.macs for layer in network.layers[:13]) / 1e9 == pytest.approx(
        published["Total"], abs=0.006
    )


def test_hwsim_exports_what_it_lists():
    assert all(hasattr(hwsim, name) for name in hwsim.__all__)
