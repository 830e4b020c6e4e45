"""Layer tables of the networks that the papers use, for one image or one time step at a time (`batch`)."""

from itertools import pairwise

from hwsim.workload import Conv2d, MatMul, Network


def lenet_300_100(batch=1):
    """LeNet-300-100: three fully connected layers for 28 x 28 images; 266,610 parameters.

    LeCun et al., 1998; Han et al., NeurIPS 2015, Table 2 counts 266K weights and 532K operations.
    """
    return Network("LeNet-300-100", _fully_connected([784, 300, 100, 10], batch))


def lenet5(batch=1):
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


def lenet5_1998(batch=1):
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


def alexnet(batch=1):
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


def vgg16(batch=1):
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


def lstm(inputs=600, hidden=600, steps=1, batch=1):
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


def _fully_connected(sizes, batch, first=1):
    layers = enumerate(pairwise(sizes), start=first)
    return [MatMul(f"fc{i}", batch, k, n, bias=True) for i, (k, n) in layers]
