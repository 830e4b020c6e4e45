"""Layer tables of the networks that the papers use, for one image or one time step at a time (`batch`).

Convolutions and matrix products stand here, and nothing else: normalization, embeddings and poolings are left out.
Batch normalization has two trained numbers for each channel, so a published count of parameters with it is larger
by twice the sum of `out_channels` over the convolutions; in inference it folds into their weights and biases.

>>> alexnet().params, alexnet(batch=4)["conv2"].macs
(60965224, 895795200)
"""

from collections.abc import Sequence
from itertools import pairwise

from hwsim.workload import Conv2d, MatMul, Network


def lenet_300_100(batch: int = 1) -> Network:
    """LeNet-300-100: three fully connected layers for 28 x 28 images; 266,610 parameters.

    LeCun et al., 1998; Han et al., NeurIPS 2015, Table 2 counts 266K weights and 532K operations.
    """
    return Network("LeNet-300-100", _fully_connected([784, 300, 100, 10], batch))


def lenet5(batch: int = 1) -> Network:
    """LeNet-5 as the compression papers use it (Caffe): 20 and 50 filters, 500 and 10 neurons; 431,080 parameters.

    Han et al., NeurIPS 2015, Table 3 counts 431K weights and 4,586K operations. The network of 1998 is smaller: `lenet5_1998`.
    """
    return Network(
        "LeNet-5",
        [
            Conv2d("conv1", 1, 20, 28, 28, 5, batch=batch, bias=True),
            Conv2d("conv2", 20, 50, 12, 12, 5, batch=batch, bias=True),
            MatMul("fc1", batch, 800, 500, bias=True),
            MatMul("fc2", batch, 500, 10, bias=True),
        ],
    )


def lenet5_1998(batch: int = 1) -> Network:
    """LeNet-5 of 1998 for 32 x 32 images: its convolutions and matrix products.

    C3 joins each of its 16 maps to 3, 4 or 6 of the 6 maps below; the three groups stand here as layers of their own.
    The paper counts 340,908 *connections*: these MACs, one bias for each output of C1, C3, C5 and F6 (6,508), and five
    connections for each output of the subsampling layers S2 and S4 (7,880). Two operations a connection are the
    "680 kop" of the survey arXiv 1901.06955; the MACs alone are 653 kop.

    LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, section II-B.
    """
    return Network(
        "LeNet-5 (1998)",
        [
            Conv2d("C1", 1, 6, 32, 32, 5, batch=batch, bias=True),
            Conv2d("C3 of 3 maps", 3, 6, 14, 14, 5, batch=batch, bias=True),
            Conv2d("C3 of 4 maps", 4, 9, 14, 14, 5, batch=batch, bias=True),
            Conv2d("C3 of 6 maps", 6, 1, 14, 14, 5, batch=batch, bias=True),
            MatMul("C5", batch, 400, 120, bias=True),
            MatMul("F6", batch, 120, 84, bias=True),
            MatMul("output", batch, 84, 10),
        ],
    )


def alexnet(batch: int = 1) -> Network:
    """AlexNet with its two groups, for 227 x 227 images; 60,965,224 parameters, 724 million MACs.

    Krizhevsky et al., 2012, as in Caffe; Han et al., NeurIPS 2015, Table 4 counts 61M weights and 1.5B operations.
    """
    return Network(
        "AlexNet",
        [
            Conv2d("conv1", 3, 96, 227, 227, 11, stride=4, batch=batch, bias=True),
            Conv2d("conv2", 96, 256, 27, 27, 5, padding=2, groups=2, batch=batch, bias=True),
            Conv2d("conv3", 256, 384, 13, 13, 3, padding=1, batch=batch, bias=True),
            Conv2d("conv4", 384, 384, 13, 13, 3, padding=1, groups=2, batch=batch, bias=True),
            Conv2d("conv5", 384, 256, 13, 13, 3, padding=1, groups=2, batch=batch, bias=True),
            *_fully_connected([9216, 4096, 4096, 1000], batch, first=6),
        ],
    )


def vgg16(batch: int = 1) -> Network:
    """VGG-16 for 224 x 224 images; 138,357,544 parameters, 15.47 billion MACs.

    Simonyan and Zisserman, ICLR 2015, configuration D; Han et al., NeurIPS 2015, Table 5 counts 138M weights and
    30.9B operations. The parameters are 553 MB in fp32, which is 528 MiB.
    """
    layers, channels, size = [], 3, 224
    for block, (filters, count) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], start=1):
        for i in range(1, count + 1):
            layers.append(
                Conv2d(
                    f"conv{block}_{i}", channels, filters, size, size, 3, padding=1, batch=batch, bias=True
                )
            )
            channels = filters
        size //= 2  # 2 x 2 max pooling ends each block
    return Network("VGG-16", [*layers, *_fully_connected([25088, 4096, 4096, 1000], batch, first=6)])


def lstm(inputs: int = 600, hidden: int = 600, steps: int = 1, batch: int = 1) -> Network:
    """An LSTM layer over `steps` time steps: at each, one product with the input and one with the state before.

    The four gates stand side by side, so both products are 4 x `hidden` wide. The default is the LSTM of NeuralTalk
    (Karpathy and Fei-Fei, CVPR 2015), which EIE's benchmarks use as one 1201 x 2400 matrix: input, state and bias.
    """
    return Network(
        "LSTM",
        [
            MatMul("input gates", batch, inputs, 4 * hidden, steps=steps, bias=True),
            MatMul("state gates", batch, hidden, 4 * hidden, steps=steps),
        ],
    )


def resnet18(batch: int = 1) -> Network:
    """ResNet-18 for 224 x 224 images; 11,679,912 parameters, 1.814 billion MACs.

    He, Zhang, Ren, Sun, CVPR 2016, arXiv 1512.03385, Table 1 (1.8e9 "FLOPs", which are MACs). With batch normalization,
    9,600 more: torchvision's 11,689,512. Where the size changes, the shortcut is a 1 x 1 convolution (their option B).
    """
    layers = [Conv2d("conv1", 3, 64, 224, 224, 7, stride=2, padding=3, batch=batch)]
    channels, size = 64, 56  # after 3 x 3 max pooling with stride 2
    for stage, filters in enumerate([64, 128, 256, 512], start=2):
        for i in range(1, 3):
            name, stride = f"conv{stage}_{i}", 2 if i == 1 and stage > 2 else 1
            first = Conv2d(f"{name}/1", channels, filters, size, size, 3, stride, padding=1, batch=batch)
            out = first.output_size[0]
            layers += [first, Conv2d(f"{name}/2", filters, filters, out, out, 3, padding=1, batch=batch)]
            if channels != filters:
                layers.append(
                    Conv2d(f"{name}/shortcut", channels, filters, size, size, 1, stride, batch=batch)
                )
            channels, size = filters, out
    return Network("ResNet-18", [*layers, MatMul("fc", batch, 512, 1000, bias=True)])


def resnet50(batch: int = 1, stride_first: bool = False) -> Network:
    """ResNet-50 for 224 x 224 images; 25,503,912 parameters, 4.089 billion MACs.

    He, Zhang, Ren, Sun, CVPR 2016, arXiv 1512.03385, Table 1. With batch normalization, 53,120 more: torchvision's
    25,557,032. A block that halves the image does so in its 3 x 3 convolution, as torchvision and MLPerf have it
    ("version 1.5"). `stride_first=True` halves in the first 1 x 1 convolution as the paper does: 3.858 billion MACs,
    printed as 3.8e9, and the same parameters.
    """
    layers = [Conv2d("conv1", 3, 64, 224, 224, 7, stride=2, padding=3, batch=batch)]
    channels, size = 64, 56  # after 3 x 3 max pooling with stride 2
    for stage, (filters, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=2):
        for i in range(1, blocks + 1):
            name, stride = f"conv{stage}_{i}", 2 if i == 1 and stage > 2 else 1
            strides = (stride, 1) if stride_first else (1, stride)
            first = Conv2d(f"{name}/1", channels, filters, size, size, 1, strides[0], batch=batch)
            inner = first.output_size[0]
            second = Conv2d(
                f"{name}/2", filters, filters, inner, inner, 3, strides[1], padding=1, batch=batch
            )
            out = second.output_size[0]
            layers += [first, second, Conv2d(f"{name}/3", filters, 4 * filters, out, out, 1, batch=batch)]
            if i == 1:
                layers.append(
                    Conv2d(f"{name}/shortcut", channels, 4 * filters, size, size, 1, stride, batch=batch)
                )
            channels, size = 4 * filters, out
    return Network("ResNet-50", [*layers, MatMul("fc", batch, 2048, 1000, bias=True)])


def squeezenet(batch: int = 1, size: int = 224) -> Network:
    """SqueezeNet 1.0; 1,248,424 parameters and, for 224 x 224 images, 819 million MACs.

    Iandola et al., 2016, arXiv 1602.07360, Table 1. The table prints an input of 224 x 224 and 111 x 111 outputs of conv1,
    which take 227 x 227 pixels: `size=227`, as in the authors' Caffe files.
    The parameters are 4.8 MB where a MB is 2**20 bytes.
    """
    fires = {  # name: channels of the 1 x 1 squeeze, filters of each of the two expands
        "fire2": (16, 64),
        "fire3": (16, 64),
        "fire4": (32, 128),
        "fire5": (32, 128),
        "fire6": (48, 192),
        "fire7": (48, 192),
        "fire8": (64, 256),
        "fire9": (64, 256),
    }
    layers = [Conv2d("conv1", 3, 96, size, size, 7, stride=2, batch=batch, bias=True)]
    channels, size = 96, layers[0].output_size[0] // 2  # 3 x 3 max pooling with stride 2, rounded up
    for name, (squeeze, expand) in fires.items():
        layers += [
            Conv2d(f"{name}/squeeze", channels, squeeze, size, size, 1, batch=batch, bias=True),
            Conv2d(f"{name}/expand1x1", squeeze, expand, size, size, 1, batch=batch, bias=True),
            Conv2d(f"{name}/expand3x3", squeeze, expand, size, size, 3, padding=1, batch=batch, bias=True),
        ]
        channels = 2 * expand
        if name in ("fire4", "fire8"):
            size //= 2  # the same pooling
    layers.append(Conv2d("conv10", channels, 1000, size, size, 1, batch=batch, bias=True))
    return Network("SqueezeNet", layers)


def mobilenet_v1(batch: int = 1) -> Network:
    """MobileNet V1 (width 1.0) for 224 x 224 images; 4,210,088 parameters, 569 million MACs.

    Howard et al., 2017, arXiv 1704.04861, Table 1: depthwise 3 x 3 ("dw") and pointwise 1 x 1 ("pw") convolutions in turn.
    With batch normalization, 21,888 more: 4,231,976, printed as 4.2 million. Other sources print 529 or 575 million
    multiply-adds for the same network; this table has 568,740,352.
    """
    layers = [Conv2d("conv1", 3, 32, 224, 224, 3, stride=2, padding=1, batch=batch)]
    channels, size = 32, 112
    blocks = [
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *[(512, 1)] * 5,
        (1024, 2),
        (1024, 1),
    ]
    for i, (filters, stride) in enumerate(blocks, start=2):
        depthwise = Conv2d(
            f"dw{i}", channels, channels, size, size, 3, stride, padding=1, groups=channels, batch=batch
        )
        size = depthwise.output_size[0]
        layers += [depthwise, Conv2d(f"pw{i}", channels, filters, size, size, 1, batch=batch)]
        channels = filters
    return Network("MobileNet V1", [*layers, MatMul("fc", batch, 1024, 1000, bias=True)])


def bert_base(sequence: int = 128, batch: int = 1) -> Network:
    """The encoder of BERT-base on `batch` texts of `sequence` tokens; 85,017,600 parameters.

    Devlin et al., NAACL 2019, arXiv 1810.04805: 12 layers, width 768, 12 heads of 64, feed-forward 3072. The 110 million that
    the paper prints are 109,482,240: these, 36,864 of the layer normalizations (two of 2 x 768 in each layer; 85.05
    million with them), 23,837,184 of the embeddings (30,522 words, 512 positions and 2 segments of 768, normalized) and
    590,592 of the pooler.

    "scores" (queries times keys) and "context" (scores times values) multiply activations with activations: a product
    for each head and text, `trained=False`. Their MACs grow with the square of `sequence`.

    Parameters
    ----------
    sequence : int, tokens of a text, at least 1; BERT was trained with up to 512
    batch : int, texts
    """
    width, heads, hidden = 768, 12, 3072
    depth, tokens, products = width // heads, batch * sequence, batch * heads
    layers = []
    for i in range(1, 13):
        layers += [
            *(MatMul(f"{i}/{part}", tokens, width, width, bias=True) for part in ["query", "key", "value"]),
            MatMul(f"{i}/scores", sequence, depth, sequence, groups=products, trained=False),
            MatMul(f"{i}/context", sequence, sequence, depth, groups=products, trained=False),
            MatMul(f"{i}/output", tokens, width, width, bias=True),
            MatMul(f"{i}/ff1", tokens, width, hidden, bias=True),
            MatMul(f"{i}/ff2", tokens, hidden, width, bias=True),
        ]
    return Network("BERT-base", layers)


def tpu_v1_application(name: str) -> Network:
    """A stand-in for one of the six applications of the TPU paper, at the paper's batch.

    Jouppi et al., ISCA 2017, arXiv 1704.04760. Their shapes are not published. These follow from Table 1 (layers by kind, weights,
    batch, MACs for each byte of weights) and from what else the text says of a shape. Nothing is fitted to what was measured.

    - "MLP0": 5 fully connected layers, 20M weights, batch 200: each 2000 x 2000.
    - "MLP1": 4 fully connected layers, 5M weights, batch 168: each 1118 x 1118.
    - "LSTM0": 24 fully connected layers, 52M weights, batch 64: each 1472 x 1472. Its 34 vector layers have no MACs.
    - "LSTM1": 37 fully connected layers, 34M weights, batch 96. Section 7 speaks of "the 600 x 600 matrix used in LSTM1": here
      94 of them, since it does not say how they form 37 layers.
    - "CNN0": 16 convolutions, 8M weights, batch 8, 2888 MACs a byte: each weight is used at 2888 / 8 = 361 pixels, a board of
      19 x 19. 3 x 3 kernels then have 236 channels.
    - "CNN1": 72 convolutions and 4 fully connected layers, 100M weights, batch 32, 1750 MACs a byte. How the weights divide between
      the kinds depends on the size of the images, which is not given. Assumed: 19 x 19 pixels and 3 x 3 kernels as in CNN0,
      and equal layers of a kind. Then 15M weights are in convolutions of 152 channels, 85M in layers of 4613 x 4613.

    Raises
    ------
    ValueError
        When there is no application of that name.
    """
    fully_connected = {  # batch, layers, width
        "MLP0": (200, 5, 2000),
        "MLP1": (168, 4, 1118),
        "LSTM0": (64, 24, 1472),
        "LSTM1": (96, 94, 600),
        "CNN1": (32, 4, 4613),
    }
    convolutions = {"CNN0": (8, 16, 236), "CNN1": (32, 72, 152)}  # batch, layers, channels
    if name not in fully_connected | convolutions:
        raise ValueError(f"no application {name!r}, only {', '.join(sorted(fully_connected | convolutions))}")
    layers: list[MatMul | Conv2d] = []
    if name in convolutions:
        batch, count, channels = convolutions[name]
        layers += [
            Conv2d(f"conv{i}", channels, channels, 19, 19, 3, padding=1, batch=batch)
            for i in range(1, count + 1)
        ]
    if name in fully_connected:
        batch, count, width = fully_connected[name]
        layers += [MatMul(f"fc{i}", batch, width, width) for i in range(1, count + 1)]
    return Network(name, tuple(layers))


def _fully_connected(sizes: Sequence[int], batch: int, first: int = 1) -> list[MatMul]:
    layers = enumerate(pairwise(sizes), start=first)
    return [MatMul(f"fc{i}", batch, k, n, bias=True) for i, (k, n) in layers]
