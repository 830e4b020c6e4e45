"""The few small networks that every chapter shares.

Each function takes a `seed`, so that the same call gives the same weights, and leaves the global random state as it was.
Inputs are images (n, 1, height, width); outputs are logits (n, 10).
"""

from collections import OrderedDict
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import nn


@contextmanager
def seeded(seed):
    """Run a block with torch's random state set by `seed`, and restore the state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _fully_connected(sizes, seed):
    with seeded(seed):
        layers = OrderedDict(flatten=nn.Flatten())
        for i, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
            layers[f"fc{i}"] = nn.Linear(n_in, n_out)
            if i < len(sizes) - 1:
                layers[f"relu{i}"] = nn.ReLU()
        return nn.Sequential(layers)


def mlp(seed=0, hidden=(300, 100)):
    """64-300-100-10 for 8 x 8 images: LeNet-300-100 with the digits' input size; 50,610 parameters.

    Other sizes of the `hidden` layers give smaller or larger networks of the same kind.
    """
    return _fully_connected([64, *hidden, 10], seed)


def lenet_300_100(seed=0):
    """LeNet-300-100 for 28 x 28 images (LeCun et al., 1998); 266,610 parameters."""
    return _fully_connected([784, 300, 100, 10], seed)


def lenet5(seed=0):
    """LeNet-5 for 28 x 28 images, in the form that the pruning papers use: convolutions of 20 and 50 filters
    of 5 x 5, 2 x 2 max pooling, fully connected 500 and 10 (Han et al., 2015, Table 3); 431,080 parameters.
    """
    with seeded(seed):
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(1, 20, 5),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(20, 50, 5),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(800, 500),
                relu=nn.ReLU(),
                fc2=nn.Linear(500, 10),
            )
        )


def convnet(seed=0, filters=(16, 32)):
    """A small convolutional network for 8 x 8 images: two 3 x 3 convolutions of 16 and 32 filters (or as many as
    given), one fully connected layer; trains on the digits in seconds.
    """
    first, second = filters
    with seeded(seed):
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(1, first, 3, padding=1),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(first, second, 3, padding=1),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                fc=nn.Linear(4 * second, 10),
            )
        )


class CharLSTM(nn.Module):
    """Predicts the next character: embedding, one LSTM layer, a linear layer.

    Input (n, time) of character numbers, output (n, time, vocabulary) of logits.
    """

    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden // 2)
        self.lstm = nn.LSTM(hidden // 2, hidden, batch_first=True)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, characters):
        """Logits of the character that follows each of `characters`."""
        states, _ = self.lstm(self.embedding(characters))
        return self.head(states)


def char_lstm(vocabulary, hidden=64, seed=0):
    """A `CharLSTM` for a vocabulary of that many characters."""
    with seeded(seed):
        return CharLSTM(vocabulary, hidden)
