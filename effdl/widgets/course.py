"""The course as data: its parts and chapters in reading order. The map of the book and that of `CourseMap` are drawn from it."""

from typing import NamedTuple


class Chapter(NamedTuple):
    """One chapter: `chapters/NN_name.ipynb`."""

    file: str
    title: str
    builds: str


class Part(NamedTuple):
    """A part of the course. Four of them fill the quadrants: for inference or training, algorithm or machine."""

    name: str
    place: str
    question: str
    chapters: tuple[Chapter, ...]


def _chapters(table: str) -> tuple[Chapter, ...]:
    return tuple(Chapter(*(cell.strip() for cell in row.split("|"))) for row in table.strip().splitlines())


COURSE = (
    Part(
        "Start",
        "start",
        "What does a network cost?",
        _chapters("""
            00_welcome | Welcome | a machine that is ready, and a first guess to keep
            01_cost | What a network costs | a count of operations, bytes and joules, and the roofline of four kinds of machine
        """),
    ),
    Part(
        "Part I. Smaller",
        "inference algorithms",
        "How small can a trained network get?",
        _chapters("""
            02_pruning | Pruning | networks that keep a tenth of their weights, and what that saves on EIE
            03_sparsity | Structured sparsity | layers that really shrink: channels, blocks, 2:4, regrowth, the lottery ticket
            04_weight_sharing | Weight sharing | a codebook of a few weights, trained by gradients summed by index
            05_deep_compression | Deep compression | prune, share and code in one real file, decoded bit by bit
            06_quantization | Quantization | a layer in integers only, from 16 bits down to 2
            07_quantization_aware_training | Quantization-aware training | training through the rounding, and learned step sizes
            08_binary_ternary_log | Binary, ternary, log | products from XNOR and popcount, and two learned scales
            09_low_rank | Low rank | one layer as the product of two or three small ones
            10_structured_matrices | Structured matrices | circulant layers by the fast Fourier transform
            11_winograd | Winograd convolution | convolution with 2.25 times fewer multiplications, and its rounding error
            12_efficient_architectures | Efficient architectures | the blocks of SqueezeNet, MobileNet and ShuffleNet, with their latency
            13_efficient_language | Efficient language models | attention in linear time, and words without a table
            14_dynamic_computation | Dynamic computation | networks that stop early when the answer is clear
            15_activation_functions | Activation functions | a sigmoid of a few line segments in fixed point
        """),
    ),
    Part(
        "Part II. Machines for inference",
        "inference machines",
        "Which machine profits from it?",
        _chapters("""
            16_dataflows | Dataflows | Eyeriss and DaDianNao, and every access to memory counted
            17_tpu | Systolic arrays and the TPU | an array that multiplies, cycle by cycle
            18_eie | EIE | a machine that computes on the compressed file itself
            19_custom_hardware | Custom hardware | FPGA, ASIC, CPU and GPU on one chart
        """),
    ),
    Part(
        "Part III. Faster",
        "training algorithms",
        "How fast can a network be trained?",
        _chapters("""
            20_parallel_training | Parallel training | a ring of real processes that adds up gradients
            21_mixed_precision | Mixed precision | half the bits, the same accuracy, with a loss scale
            22_distillation | Distillation | a small network that learns from a large one
            23_dsd | Dense, sparse, dense | pruning as a way to train, with an honest verdict
            24_learning_from_less | Learning from less data | augmentation, and labels that are not needed
            25_hyperparameter_search | Hyper-parameter search | random, Bayesian, Hyperband and population search
            26_architecture_search | Architecture search | networks found by search, with latency in the objective
        """),
    ),
    Part(
        "Part IV. Machines for training",
        "training machines",
        "What are these machines made for?",
        _chapters("""
            27_gpu | GPU and Tensor Core | warps, tiles and the numerics of a Tensor Core
            28_tpu_training | TPU pods | bfloat16, a torus of chips, and where scaling stops
        """),
    ),
    Part(
        "Part V. Everything together",
        "finish",
        "How does it reach a user?",
        _chapters("""
            29_deployment | Deployment | exported, fused, quantized, and measured in a runtime
            30_practice | Practice | the capstone: smallest, fastest, most accurate
        """),
    ),
)
