"""ResNet, SqueezeNet, MobileNet and BERT: the tables against published counts and against torch modules."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import hwsim
from hwsim import MatMul, networks


def batch_norm_parameters(network):
    """A scale and a shift for each output channel of each convolution."""
    return 2 * sum(layer.out_channels for layer in network if isinstance(layer, hwsim.Conv2d))


# torchvision's model metadata (num_params and _ops in 1e9 MACs, IMAGENET1K_V1 weights), 224 x 224 images
@pytest.mark.parametrize(
    ("make", "normalized", "parameters", "billion_macs"),
    [
        (networks.resnet18, True, 11_689_512, 1.814),
        (networks.resnet50, True, 25_557_032, 4.089),
        (networks.squeezenet, False, 1_248_424, 0.819),
    ],
)
def test_counts_are_torchvisions(make, normalized, parameters, billion_macs):
    network = make()
    assert network.params + normalized * batch_norm_parameters(network) == parameters
    assert network.macs / 1e9 == pytest.approx(billion_macs, abs=0.0005)


def test_batch_normalization_is_the_whole_difference():
    assert batch_norm_parameters(networks.resnet18()) == 9_600
    assert batch_norm_parameters(networks.resnet50()) == 53_120
    assert batch_norm_parameters(networks.mobilenet_v1()) == 21_888


def test_resnets_against_the_paper():
    """He et al., CVPR 2016, Table 1: 1.8e9 and 3.8e9 FLOPs (each a MAC), and the sizes of the stages."""
    assert networks.resnet18().macs / 1e9 == pytest.approx(1.8, abs=0.05)
    paper = networks.resnet50(stride_first=True)
    assert paper.macs == 3_857_973_248
    assert int(paper.macs / 1e8) == 38  # the paper cuts the digits off
    assert paper.params == networks.resnet50().params
    for network in (networks.resnet18(), networks.resnet50(), paper):
        sizes = {layer.name.split("_")[0]: layer.output_size[0] for layer in network.layers[:-1]}
        assert sizes == {"conv1": 112, "conv2": 56, "conv3": 28, "conv4": 14, "conv5": 7}
    assert len([layer for layer in networks.resnet18() if "shortcut" not in layer.name]) == 18
    assert len([layer for layer in networks.resnet50() if "shortcut" not in layer.name]) == 50


def test_squeezenet_against_the_paper():
    """Iandola et al., 2016, Table 1: outputs of 111, 55, 27 and 13 pixels; 1,248,424 parameters, 4.8 MB."""
    network = networks.squeezenet(size=227)
    assert network["conv1"].output_size == (111, 111)
    assert [network[f"fire{i}/squeeze"].height for i in range(2, 10)] == [55, 55, 55, 27, 27, 27, 27, 13]
    assert network["conv10"].output_size == (13, 13)
    assert network.params == networks.squeezenet().params == 1_248_424
    assert network.weight_bytes() / 2**20 == pytest.approx(4.8, abs=0.05)
    fires = [11_920, 12_432, 45_344, 49_440, 104_880, 111_024, 188_992, 197_184]
    for i, parameters in enumerate(fires, start=2):
        assert sum(layer.params for layer in network if layer.name.startswith(f"fire{i}/")) == parameters


def test_mobilenet_against_the_paper():
    """Howard et al., 2017, Table 8: 569 million multiply-adds, 4.2 million parameters."""
    network = networks.mobilenet_v1()
    assert network.macs == 568_740_352
    assert network.params + batch_norm_parameters(network) == 4_231_976  # Keras' trainable parameters
    pointwise = sum(layer.macs for layer in network if layer.name.startswith("pw"))
    assert pointwise / network.macs == pytest.approx(0.95, abs=0.005)


def test_bert_base_against_the_published_110_million():
    """Devlin et al., NAACL 2019: 110M; its parts, and their sum as Hugging Face counts it, 109,482,240."""
    network = networks.bert_base()
    assert network.params == 85_017_600
    encoder = network.params + 12 * 2 * 2 * 768  # two layer normalizations in each layer
    embeddings = (30_522 + 512 + 2) * 768 + 2 * 768
    pooler = 768 * 768 + 768
    assert encoder == 85_054_464
    assert embeddings == 23_837_184
    assert pooler == 590_592
    assert encoder + embeddings + pooler == 109_482_240


def test_attention_has_no_weights_and_grows_with_the_square():
    short, long = networks.bert_base(128), networks.bert_base(256)
    assert short["1/scores"].macs == 12 * 128 * 64 * 128
    assert long["1/scores"].macs == 4 * short["1/scores"].macs
    assert long["1/context"].macs == 4 * short["1/context"].macs
    assert long["1/query"].macs == 2 * short["1/query"].macs
    assert short["1/scores"].params == short["1/context"].params == 0
    assert short["1/scores"].input_elements == 2 * 128 * 768  # queries and keys
    assert short["1/scores"].output_elements == 12 * 128 * 128
    assert networks.bert_base(128, batch=3).macs == 3 * short.macs
    assert networks.bert_base(128, batch=3).params == short.params
    assert networks.bert_base(128, batch=3).output_elements == 3 * short.output_elements


def test_a_product_of_activations_counts_both_as_input():
    layer = MatMul("scores", 3, 5, 7, groups=2, steps=4, trained=False)
    assert layer.macs == MatMul("scores", 3, 5, 7, groups=2, steps=4).macs
    assert (layer.weights, layer.params) == (0, 0)
    assert layer.input_elements == 2 * 4 * (3 * 5 + 5 * 7)
    assert layer.bytes(bits=8) == layer.input_elements + 2 * 4 * 3 * 7
    with pytest.raises(ValueError, match="scores: a product of two activations has no bias"):
        MatMul("scores", 3, 5, 7, bias=True, trained=False)


@pytest.mark.parametrize(
    "make",
    [
        networks.resnet18,
        networks.resnet50,
        networks.squeezenet,
        networks.mobilenet_v1,
        lambda batch=1: networks.bert_base(32, batch),
    ],
)
def test_a_batch_repeats_the_work_and_not_the_parameters(make):
    one, many = make(), make(batch=5)
    assert many.params == one.params
    for count in ["macs", "input_elements", "output_elements"]:
        assert getattr(many, count) == 5 * getattr(one, count)


# Torch modules, written from the papers' tables and not from hwsim's


class Block(nn.Module):
    """Convolutions of (filters, kernel, stride), normalized, with a shortcut around them."""

    def __init__(self, channels, convolutions):
        super().__init__()
        parts, inputs, stride = [], channels, 1
        for filters, kernel, step in convolutions:
            parts += [
                nn.Conv2d(inputs, filters, kernel, step, kernel // 2, bias=False),
                nn.BatchNorm2d(filters),
            ]
            inputs, stride = filters, stride * step
        self.body = nn.Sequential(*parts)
        self.shortcut = nn.Sequential()
        if channels != inputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, inputs, 1, stride, bias=False), nn.BatchNorm2d(inputs)
            )

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def resnet(blocks):
    channels, parts = 64, []
    for convolutions in blocks:
        parts.append(Block(channels, convolutions))
        channels = convolutions[-1][0]
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


def resnet18():
    strides = [1, 1, 2, 1, 2, 1, 2, 1]
    widths = [64, 64, 128, 128, 256, 256, 512, 512]
    return resnet([[(w, 3, s), (w, 3, 1)] for w, s in zip(widths, strides, strict=True)])


def resnet50():
    blocks = []
    for width, count, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        blocks += [
            [(width, 1, 1), (width, 3, stride if i == 0 else 1), (4 * width, 1, 1)] for i in range(count)
        ]
    return resnet(blocks)


class Fire(nn.Module):
    def __init__(self, channels, squeeze, expand):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.one, self.three = nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x):
        x = self.squeeze(x)
        return torch.cat([self.one(x), self.three(x)], dim=1)


def squeezenet():
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    early = [pool, Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), pool, Fire(256, 32, 128)]
    late = [Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), pool, Fire(512, 64, 256)]
    return nn.Sequential(nn.Conv2d(3, 96, 7, 2), *early, *late, nn.Conv2d(512, 1000, 1))


def mobilenet_v1():
    parts, channels = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32)], 32
    for filters in [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]:
        # halved where the channels double, but for the first block
        stride = 2 if filters > channels > 32 else 1
        parts += [
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, filters, 1, bias=False),
            nn.BatchNorm2d(filters),
        ]
        channels = filters
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))


def shapes(network):
    return sorted(str({**vars(layer), "name": ""}) for layer in network)


@pytest.mark.parametrize(
    ("module", "table"),
    [
        (resnet18, networks.resnet18),
        (resnet50, networks.resnet50),
        (squeezenet, networks.squeezenet),
        (mobilenet_v1, networks.mobilenet_v1),
    ],
)
def test_tables_equal_torch_modules(module, table):
    module = module()
    names = [name for name, part in module.named_modules() if isinstance(part, nn.BatchNorm2d)]
    traced = hwsim.trace(module, torch.zeros(1, 3, 224, 224), ignore=names)
    assert shapes(traced) == shapes(table())
    normalized = batch_norm_parameters(table()) if names else 0
    assert sum(p.numel() for p in module.parameters()) == table().params + normalized


def test_bert_base_equals_torchs_encoder():
    sequence, batch = 16, 2
    with torch.device("meta"):  # shapes only
        layer = nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        counter = FlopCounterMode(display=False)
        with counter:  # training mode: in inference torch fuses the layer into one call that is not counted
            encoder(torch.zeros(batch, sequence, 768))
    network = networks.bert_base(sequence, batch)
    assert sum(p.numel() for p in encoder.parameters()) == network.params + 36_864
    assert counter.get_total_flops() == network.ops
