"""Answers to the lab on systolic arrays: mistakes that its checks must find, and other ways to be right."""

MUTANTS = {}

# 1. Where the wave stands

WAVE = """
def active_pes(rows, cols, stream):
    distance = np.add.outer(np.arange(rows), np.arange(cols))
    cycles = range(stream + rows + cols - 2)
    return [int(((j - distance >= 0) & (j - distance < stream)).sum()) for j in cycles]
"""

MUTANTS["wave-check"] = {
    "wrong": {
        "the wave never ends": WAVE.replace(" & (j - distance < stream)", ""),
        "one row too many": WAVE.replace("< stream)", "<= stream)"),
        "starts a cycle late": WAVE.replace(">= 0", "> 0"),
        "one cycle too few": WAVE.replace("cols - 2", "cols - 3"),
        "the weights pushed in as well": WAVE.replace("return [", "return [0] * rows + ["),
        "all PEs once they are reached": """
def active_pes(rows, cols, stream):
    rising = [min(j + 1, rows) * min(j + 1, cols) for j in range(stream + rows + cols - 2)]
    return [min(a, b) for a, b in zip(rising, reversed(rising))]
""",
        "square arrays only": WAVE.replace("np.arange(cols))", "np.arange(rows))"),
        "fitted to the example": "def active_pes(rows, cols, stream):\n    return [1, 3, 4, 3, 1]\n",
    },
    "right": {
        "by adding up rows": """
def active_pes(rows, cols, stream):
    counts = np.zeros(stream + rows + cols - 2, int)
    for r in range(rows):
        for c in range(cols):
            counts[r + c : r + c + stream] += 1
    return counts
""",
        "by convolution": """
def active_pes(rows, cols, stream):
    waves = np.convolve(np.ones(rows, int), np.ones(cols, int))
    return np.convolve(waves, np.ones(stream, int)).tolist()
""",
    },
}

MUTANTS["half-check"] = {
    "wrong": {
        "without pushing in": "def rows_for_half():\n    return 158\n",
        "rows and columns exchanged": "def rows_for_half():\n    return 222\n",
        "two too many": "def rows_for_half():\n    return 256\n",
        "as many as PEs": "def rows_for_half():\n    return 96 * 64\n",
    },
    "right": {"computed": "def rows_for_half():\n    return 2 * 96 + 64 - 2\n"},
}

# 2. Small layers in one tile

PACK = """
def packed_tiles(weights, rows, cols):
    groups, k, n = weights.shape
    fit = min(rows // k, cols // n)
    tiles = []
    for first in range(0, groups, fit):
        part = weights[first : first + fit]
        tile = np.zeros((len(part) * k, len(part) * n), weights.dtype)
        for i, block in enumerate(part):
            tile[i * k : (i + 1) * k, i * n : (i + 1) * n] = block
        tiles.append(tile)
    return tiles
"""

MUTANTS["pack-check"] = {
    "wrong": {
        "the rows alone limit it": PACK.replace("min(rows // k, cols // n)", "rows // k"),
        "the columns alone limit it": PACK.replace("min(rows // k, cols // n)", "min(groups, cols // n)"),
        "one group a tile": PACK.replace("min(rows // k, cols // n)", "1"),
        "the last tile as large as the others": PACK.replace(
            "np.zeros((len(part) * k, len(part) * n)", "np.zeros((fit * k, fit * n)"
        ),
        "the last groups are lost": PACK.replace(
            "range(0, groups, fit)", "range(0, groups // fit * fit, fit)"
        ),
        "as large as the array": PACK.replace(
            "np.zeros((len(part) * k, len(part) * n)", "np.zeros((rows, cols)"
        ),
        "every group in each block": PACK.replace("= block", "= part[0]"),
        "blocks below each other, not on the diagonal": PACK.replace("i * n : (i + 1) * n]", "0:n]"),
        "groups backwards": PACK.replace(
            "weights[first : first + fit]", "weights[first : first + fit][::-1]"
        ),
        "for one column only": PACK.replace("i * n : (i + 1) * n]", "i : i + 1]").replace(
            "= block", "= block[:, :1]"
        ),
        "clears the weights it is given": PACK.replace(
            "    return tiles", "    weights[:] = 0\n    return tiles"
        ),
    },
    "right": {
        "by Kronecker products": """
def packed_tiles(weights, rows, cols):
    fit = min(rows // weights.shape[1], cols // weights.shape[2])
    cut = range(0, len(weights), fit)
    parts = [weights[first : first + fit] for first in cut]
    return [sum(np.kron(np.diag(np.eye(len(p), dtype=int)[i]), p[i]) for i in range(len(p))) for p in parts]
""",
        "with four axes": """
def packed_tiles(weights, rows, cols):
    groups, k, n = weights.shape
    fit, tiles = min(rows // k, cols // n), []
    while len(weights):
        part, weights = weights[:fit], weights[fit:]
        tile = np.zeros((len(part), k, len(part), n))
        tile[np.arange(len(part)), :, np.arange(len(part))] = part
        tiles.append(tile.reshape(len(part) * k, -1))
    return tiles
""",
    },
}

MUTANTS["fit-check"] = {
    "wrong": {
        "one a channel": "def tiles_needed():\n    return 256\n",
        "the columns alone": "def tiles_needed():\n    return 4\n",
        "fractions of a channel": "def tiles_needed():\n    return 100\n",
        "by area": "def tiles_needed():\n    return 2\n",
    },
    "right": {"computed": "def tiles_needed():\n    return -(-256 // min(64 // 25, 64))\n"},
}

# 3. The largest batch in time

BATCH = """
def largest_batch(widths, limit):
    def seconds(batch):
        try:
            return hwsim.TPUv1().run(perceptron(widths, batch)).seconds
        except ValueError:
            return float("inf")

    low, high = 0, 1
    while 2 * seconds(high) <= limit:
        low, high = high, 2 * high
    if low == 0:
        raise ValueError("too slow")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if 2 * seconds(middle) <= limit else (low, middle)
    return low, low / seconds(low)
"""

MUTANTS["batch-check"] = {
    "wrong": {
        "the time of a batch alone": BATCH.replace("2 * seconds(", "1 * seconds("),
        "powers of two": BATCH.replace("while high - low > 1:", "while False:"),
        "less than the limit": BATCH.replace("<= limit", "< limit"),
        "the first that is too large": BATCH.replace(
            "return low, low / seconds(low)", "return high, high / seconds(high)"
        ),
        "the rate over the latency": BATCH.replace("low / seconds(low)", "low / limit"),
        "0 when nothing fits": BATCH.replace('raise ValueError("too slow")', "return 0, 0.0"),
        "does not know the buffer": BATCH.replace(
            '            return float("inf")\n',
            "            return hwsim.TPUv1(buffer=10**12).run(perceptron(widths, batch)).seconds\n",
        ),
        "the paper's batch": "def largest_batch(widths, limit):\n    return 200, 200 / 0.5e-3\n",
        "gives up at three thousand": BATCH.replace(
            "    return low,", "    low = min(low, 3000)\n    return low,"
        ),
    },
    "right": {
        "bit by bit": """
def largest_batch(widths, limit):
    def time(batch):
        return hwsim.TPUv1().run(perceptron(widths, batch)).seconds

    def allowed(batch):
        try:
            return 2 * time(batch) <= limit
        except ValueError:
            return False

    batch = 0
    for bit in reversed(range(26)):
        if allowed(batch + 2**bit):
            batch += 2**bit
    if not batch:
        raise ValueError(f"one request takes longer than {limit} s")
    return batch, batch / time(batch)
""",
        "the buffer first": """
def largest_batch(widths, limit):
    widest = max(a + b for a, b in pairwise(widths))
    low, high = 0, hwsim.TPUv1().buffer // widest
    time = {0: 0.0}
    while low < high:
        middle = -(-(low + high) // 2)
        time[middle] = hwsim.TPUv1().run(perceptron(widths, middle)).seconds
        low, high = (middle, high) if 2 * time[middle] <= limit else (low, middle - 1)
    if low == 0:
        raise ValueError("not one request")
    return low, low / time[low]
""",
    },
}

# 4. An array cut to fit

ARRAY = """
def best_array(layers, pes):
    choices = [(rows, pes // rows, flow) for rows in SIDES for flow in FLOWS]
    return min(choices, key=lambda choice: total_cycles(layers, *choice))
"""


def array(sides="range(1, pes + 1)", flows='("ws", "os", "is")'):
    """An answer that looks among these numbers of rows and these dataflows."""
    return ARRAY.replace("SIDES", sides).replace("FLOWS", flows)


SQUARE = array("[int(pes**0.5)]")
POWERS = array("[2**i for i in range(pes.bit_length())]")

MUTANTS["array-check"] = {
    "wrong": {
        "the square array": 'def best_array(layers, pes):\n    return int(pes**0.5), int(pes**0.5), "ws"\n',
        "the most cycles": array().replace("return min(", "return max("),
        "more PEs than there are": array().replace("pes // rows", "pes // rows + 1"),
        "as many columns as rows": array().replace("pes // rows", "rows"),
        "without a dataflow": array().replace(
            "total_cycles(layers, *choice))", "total_cycles(layers, *choice))[:2]"
        ),
        "weights always": array(flows='("ws",)').replace("range(1, pes + 1)", "[max(1, int(pes**0.5))]"),
        "halves of a row": array()
        .replace("pes // rows", "pes / rows")
        .replace(
            "total_cycles(layers, *choice)", "total_cycles(layers, choice[0], int(choice[1]), choice[2])"
        ),
        "takes the layers out": array().replace("    choices", "    layers.pop()\n    choices"),
    },
    "right": {"by powers of two": POWERS},
}

MUTANTS["array-score"] = {
    "wrong": {
        "by powers of two": POWERS,
        "the best dataflow of the square": SQUARE,
        "weights stay": array(flows='("ws",)'),
        "outputs stay": array(flows='("os",)'),
        "all PEs used": array("[rows for rows in range(1, pes + 1) if pes % rows == 0]"),
        "the first layer only": array().replace("total_cycles(layers,", "total_cycles(layers[:1],"),
        "the best mean utilization": """
def best_array(layers, pes):
    def used(rows, cols, flow):
        machine = hwsim.SystolicArray(rows, cols, flow)
        return np.mean([machine.run(hwsim.MatMul("layer", m, k, n)).utilization for m, k, n in layers])

    choices = [(rows, pes // rows, flow) for rows in range(1, pes + 1, 7) for flow in ("ws", "os", "is")]
    return max(choices, key=lambda choice: used(*choice))
""",
        "fitted to the network that is shown": 'def best_array(layers, pes):\n    return 8, min(25, pes // 8), "os"\n',
    },
    "right": {
        "by the formula": """
def best_array(layers, pes):
    best = None
    for flow in ("ws", "os", "is"):
        for rows in range(1, pes + 1):
            for cols in {pes // rows, max(1, pes // rows - 1)}:
                cycles = 0
                for m, k, n in layers:
                    down, across, stream = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[flow]
                    cycles += -(-down // rows) * -(-across // cols) * (2 * rows + cols + stream - 2)
                if best is None or cycles < best[0]:
                    best = cycles, (rows, cols, flow)
    return best[1]
""",
        "rows by columns": """
def best_array(layers, pes):
    sides = {(rows, pes // rows) for rows in range(1, pes + 1)} | {(pes // c, c) for c in range(1, pes + 1)}
    return min(
        ((r, c, flow) for r, c in sorted(sides) for flow in ("ws", "os", "is")),
        key=lambda choice: total_cycles(layers, *choice),
    )
""",
    },
}
