"""The data sets of the course, found without a download where possible.

    train, validation, test = load("digits")

`digits` and `descriptions` ship with scikit-learn. `fashion-mnist` is looked for in `$EFFDL_DATA`, then where Debian's package
puts it, and downloaded with pooch (checked by hash) only when it is in neither.
"""

import gzip
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
DOWNLOAD_FROM = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# The hashes of the compressed files, as the data set's authors publish them (github.com/zalandoresearch/fashion-mnist).
FASHION_FILES = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}


# What the text data set is written in; every other character becomes a space.
CHARACTERS = "\n abcdefghijklmnopqrstuvwxyz0123456789.,:;-()'"
WINDOW = 64  # characters in one example of text


class Split(NamedTuple):
    """Examples with their labels."""

    inputs: torch.Tensor  # images (n, 1, height, width), float32 from 0 to 1; text (n, 64), int64
    labels: torch.Tensor  # images (n,), text (n, 64): the character that follows each; int64

    def subset(self, n):
        """The first `n` examples, as a Split."""
        return Split(self.inputs[:n], self.labels[:n])


class Dataset(NamedTuple):
    """Three disjoint splits: learn on the first, choose on the second, report the third once."""

    train: Split
    validation: Split
    test: Split


def load(name, seed=0):
    """Load a data set by its name.

    Parameters
    ----------
    name : "digits" (8 x 8 images: 1,097 / 200 / 500 for training, validation and test), "fashion-mnist"
        (28 x 28: 55,000 / 5,000 / the official 10,000), both of ten classes and split in stratified parts; or
        "descriptions" (English text of scikit-learn's data sets in windows of 64 characters, 80 / 10 / 10 %).
    seed : int, chooses which examples go to which split (the official test set of Fashion-MNIST stays).

    Returns
    -------
    Dataset of three Splits.

    Raises
    ------
    ValueError
        For an unknown name.
    FileNotFoundError
        When Fashion-MNIST is nowhere and cannot be downloaded; the message lists the three ways to get it.
    """
    if name == "digits":
        return _digits(seed)
    if name == "fashion-mnist":
        return _fashion_mnist(seed)
    if name == "descriptions":
        return _descriptions(seed)
    raise ValueError(f'no data set {name!r}; there are "digits", "fashion-mnist" and "descriptions"')


def _digits(seed):
    from sklearn import datasets  # here, as it takes seconds: a process that is given its data never needs it

    bunch = datasets.load_digits()
    inputs = (bunch.images / 16).astype(np.float32)[:, None]  # scikit-learn counts grey levels from 0 to 16
    rest, test = _split(inputs, bunch.target, 500, seed)
    train, validation = _split(*rest, 200, seed)
    return Dataset(
        *(Split(torch.from_numpy(x), torch.from_numpy(y).long()) for x, y in (train, validation, test))
    )


def _descriptions(seed):
    from sklearn import datasets

    folder = Path(datasets.__file__).parent / "descr"
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.rst")))
    text = re.sub(r" {2,}|[=~*`|_-]{3,}", " ", text.lower())  # tables and rulers are not language
    number = {character: i for i, character in enumerate(CHARACTERS)}
    codes = torch.tensor([number.get(character, number[" "]) for character in text])
    windows = codes[: (len(codes) - 1) // WINDOW * WINDOW + 1].unfold(0, WINDOW + 1, WINDOW)
    windows = windows[torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))]
    held_out = len(windows) // 10
    parts = windows.split([len(windows) - 2 * held_out, held_out, held_out])
    return Dataset(*(Split(part[:, :-1].contiguous(), part[:, 1:].contiguous()) for part in parts))


def _fashion_mnist(seed):
    paths = {name: _find(name) for name in FASHION_FILES}
    x_train, y_train, x_test, y_test = (_read_idx(path) for path in paths.values())
    train, validation = _split(x_train, y_train, 5000, seed)
    return Dataset(
        *(
            Split(torch.from_numpy(x[:, None] / np.float32(255)), torch.from_numpy(y.astype(np.int64)))
            for x, y in (train, validation, (x_test, y_test))
        )
    )


def _split(inputs, labels, held_out, seed):
    """Set `held_out` examples aside, with every class in proportion."""
    from sklearn.model_selection import train_test_split

    x, x_held, y, y_held = train_test_split(
        inputs, labels, test_size=held_out, stratify=labels, random_state=seed
    )
    return (x, y), (x_held, y_held)


def _find(name):
    """Path of one file of Fashion-MNIST: `$EFFDL_DATA`, Debian's folder, or a checked download."""
    given = os.environ.get("EFFDL_DATA")
    for folder in [Path(given)] if given else [DEBIAN_FOLDER]:
        for path in (folder / name, folder / "fashion-mnist" / name):
            if path.exists():
                return path
    try:
        import pooch

        return Path(
            pooch.retrieve(
                DOWNLOAD_FROM + name,
                FASHION_FILES[name],
                fname=name,
                path=pooch.os_cache("effdl"),
                progressbar=True,
            )
        )
    except (OSError, ValueError) as error:  # no network, or a file that is not what its hash says
        raise FileNotFoundError(
            f"Fashion-MNIST: {name} was not found"
            + (f" in $EFFDL_DATA={given}" if given else "")
            + ". Three ways:\n"
            "  1. on Debian or Ubuntu: apt install dataset-fashion-mnist\n"
            f"  2. put the four files {', '.join(FASHION_FILES)} in a folder and set EFFDL_DATA to it\n"
            f"  3. let it be downloaded from {DOWNLOAD_FROM}, which failed now: {error}"
        ) from error


def _read_idx(path):
    """Read an IDX file: two zero bytes, a type (8 is uint8), the number of axes, their sizes, the bytes."""
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} is not a complete gzip file ({error}); delete it and load again") from error
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an IDX file of bytes; delete it and load again")
    axes = raw[3]
    shape = np.frombuffer(raw, ">i4", axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
