"""Answers to the lab on dataflows: mistakes that its checks must find, and other ways to be right."""

MUTANTS = {}

# 1. Pairs of a run and a value

RUNS = """
def encode_runs(values):
    pairs, zeros = [], 0
    for value in np.asarray(values).tolist():
        if value != 0 or zeros == 31:
            pairs.append((zeros, value))
            zeros = 0
        else:
            zeros += 1
    if zeros:
        pairs.append((zeros - 1, 0))
    return pairs
"""

MUTANTS["runs-check"] = {
    "wrong": {
        "zeros at the end are lost": RUNS.replace(
            "    if zeros:\n        pairs.append((zeros - 1, 0))\n", ""
        ),
        "the last run is one too long": RUNS.replace("(zeros - 1, 0)", "(zeros, 0)"),
        "a last pair also when no zero is left": RUNS.replace(
            "    if zeros:\n        pairs.append((zeros - 1, 0))", "    pairs.append((max(0, zeros - 1), 0))"
        ),
        "long runs in one pair": RUNS.replace(" or zeros == 31", ""),
        "cut after 31 zeros": RUNS.replace("zeros == 31", "zeros == 30"),
        "cut after 33 zeros": RUNS.replace("zeros == 31", "zeros == 32"),
        "the run is not started anew": RUNS.replace("            zeros = 0\n", ""),
        "negative values are taken for zeros": RUNS.replace("value != 0", "value > 0"),
        "value first": RUNS.replace("(zeros, value)", "(value, zeros)"),
        "clears the numbers it is given": RUNS.replace(
            "    return pairs", "    values[:] = 0\n    return pairs"
        ),
    },
    "right": {
        "from the positions": """
def encode_runs(values):
    pairs, last = [], -1
    flat = np.asarray(values)
    for at in np.flatnonzero(flat):
        gap = int(at) - last - 1
        while gap > 31:
            pairs.append((31, 0))
            gap -= 32
        pairs.append((gap, int(flat[at])))
        last = int(at)
    left = len(flat) - 1 - last
    while left > 0:
        pairs.append((min(left, 32) - 1, 0))
        left -= 32
    return pairs
""",
        "with a sentinel at the end": """
def encode_runs(values):
    pairs, zeros = [], 0
    for value in [*map(int, values), None]:
        if value is None and zeros:
            pairs.append((zeros - 1, 0))
        elif value or zeros == 31:
            pairs.append((zeros, value))
            zeros = 0
        elif value == 0:
            zeros += 1
    return pairs
""",
    },
}

MUTANTS["even-check"] = {
    "wrong": {
        "the share that is not zero": "def break_even():\n    return 75\n",
        "as a fraction": "def break_even():\n    return 0.25\n",
        "five bits and the value": "def break_even():\n    return 100 * 5 / 21\n",
        "a third": "def break_even():\n    return 100 / 3\n",
    },
    "right": {"computed": "def break_even():\n    return 100 * (1 - 16 / (64 / 3))\n"},
}

# 2. Fetches without walking

FETCH = """
def fetched_elements(loops, touches, tile):
    left = [(dim, bound) for dim, bound in loops if bound > 1]
    while left and left[-1][0] not in touches:
        left.pop()
    fetches = tile
    for _, bound in left:
        fetches *= bound
    return fetches
"""

MUTANTS["fetch-check"] = {
    "wrong": {
        "every loop counts": FETCH.replace(
            "    while left and left[-1][0] not in touches:\n        left.pop()\n", ""
        ),
        "only the loops that touch": FETCH.replace(
            "    for _, bound in left:", "    for _, bound in [loop for loop in left if loop[0] in touches]:"
        ),
        "a loop of one turn replaces the tile": FETCH.replace(" if bound > 1", ""),
        "from the outermost inward": FETCH.replace("left[-1][0]", "left[0][0]").replace(
            "left.pop()", "left.pop(0)"
        ),
        "the tile is left out": FETCH.replace("fetches = tile", "fetches = 1"),
        "the loop that touches is dropped too": FETCH.replace(
            "    fetches = tile", "    left = left[:-1]\n    fetches = tile"
        ),
        "empties the list it is given": FETCH.replace(
            "    left = [(dim, bound) for dim, bound in loops if bound > 1]",
            "    left = loops\n    while left and (left[-1][1] == 1):\n        left.pop()",
        ),
        "weights only": FETCH.replace("not in touches", 'not in "MCRS"'),
    },
    "right": {
        "from the inside out": """
def fetched_elements(loops, touches, tile):
    fetches, touched = tile, False
    for dim, bound in reversed(loops):
        touched = touched or (dim in touches and bound > 1)
        if touched:
            fetches *= bound
    return fetches
""",
        "with the last place": """
def fetched_elements(loops, touches, tile):
    places = [i for i, (dim, bound) in enumerate(loops) if dim in touches and bound > 1]
    return int(tile * np.prod([bound for _, bound in loops[: places[-1] + 1]])) if places else tile
""",
    },
}

MUTANTS["back-check"] = {
    "wrong": {
        "the first visit too": "def sums_read_back():\n    return 64\n",
        "only the outputs": "def sums_read_back():\n    return 16\n",
        "once less in all": "def sums_read_back():\n    return 63\n",
        "channels only": "def sums_read_back():\n    return 3\n",
    },
    "right": {"computed": "def sums_read_back():\n    return 4 * 8 * 2 - 8 * 2\n"},
}

# 3. What it would take to skip zeros

SKIP = """
def skipping_cycles(inputs):
    _, windows, width = inputs.shape
    work = np.maximum(np.count_nonzero(inputs, axis=2), 1)
    return windows * width, int(work.max(0).sum()), int(work.sum(1).max())
"""

MUTANTS["skip-check"] = {
    "wrong": {
        "a window of zeros takes no cycle": SKIP.replace(
            "np.maximum(np.count_nonzero(inputs, axis=2), 1)", "np.count_nonzero(inputs, axis=2)"
        ),
        "in step and free exchanged": SKIP.replace(
            "int(work.max(0).sum()), int(work.sum(1).max())", "int(work.sum(1).max()), int(work.max(0).sum())"
        ),
        "the sum over the PEs": SKIP.replace("work.sum(1).max()", "work.sum()"),
        "the mean PE": SKIP.replace("work.sum(1).max()", "work.sum(1).mean()"),
        "the fastest PE": SKIP.replace("work.max(0)", "work.min(0)"),
        "gated of all PEs": SKIP.replace("windows * width", "inputs.size"),
        "counts what is positive": SKIP.replace("np.count_nonzero(inputs, axis=2)", "(inputs > 0).sum(2)"),
        "for two PEs": SKIP.replace("work.max(0)", "work[:2].max(0)").replace(
            "work.sum(1)", "work[:2].sum(1)"
        ),
        "marks what it has counted": SKIP.replace("    return", "    inputs[inputs != 0] = 1\n    return"),
    },
    "right": {
        "with loops": """
def skipping_cycles(inputs):
    pes, windows, width = inputs.shape
    need = [[max(1, sum(1 for x in inputs[p, w] if x != 0)) for w in range(windows)] for p in range(pes)]
    step = sum(max(need[p][w] for p in range(pes)) for w in range(windows))
    return windows * width, step, max(map(sum, need))
""",
        "by booleans": """
def skipping_cycles(inputs):
    busy = (inputs != 0).sum(-1).clip(1)
    return int(np.prod(inputs.shape[1:])), int(np.amax(busy, 0).sum()), int(np.amax(busy.sum(-1)))
""",
    },
}

# 4. Map a layer

MAP = """
def map_layer(sizes, capacity):
    divisors = {dim: [d for d in range(1, sizes[dim] + 1) if sizes[dim] % d == 0] for dim in "MCPQ"}
    tiles = [dict(zip("MCPQ", choice)) for choice in itertools.product(*divisors.values())]
    tiles = [tile for tile in tiles if words(sizes, tile) <= capacity]
    if not tiles:
        raise ValueError("no tile fits")
    mappings = [(tile, order) for tile in tiles for order in ORDERS]
    return min(mappings, key=lambda mapping: energy_of(sizes, *mapping))
"""
LARGEST = MAP.replace(
    "    mappings =", "    tiles = [max(tiles, key=lambda tile: words(sizes, tile))]\n    mappings ="
).replace("ORDERS", '["MCPQ", "CMPQ", "PQMC", "PMCQ", "QPMC"]')
FOUR = '["MCPQ", "MQCP", "PQCM", "QPCM", "CQPM", "PCMQ", "QMCP", "PMCQ"]'
ALL = MAP.replace("ORDERS", '("".join(p) for p in itertools.permutations("MCPQ"))')
PLAIN = "def map_layer(sizes, capacity):\n    return dict(PLAIN[0]), PLAIN[1]\n"

MUTANTS["map-check"] = {
    "wrong": {
        "the plain mapping": PLAIN,
        "the whole layer": 'def map_layer(sizes, capacity):\n    return {dim: sizes[dim] for dim in "MCPQ"}, "MCPQ"\n',
        "sizes that do not divide": MAP.replace("if sizes[dim] % d == 0", "").replace("ORDERS", '["MCPQ"]'),
        "less than the buffer": LARGEST.replace("<= capacity", "< capacity"),
        "None when nothing fits": LARGEST.replace('raise ValueError("no tile fits")', "return None"),
        "the order alone": LARGEST.replace("return min(", 'return "".join(min(').replace(
            "*mapping))", "*mapping))[1])"
        ),
        "three loops": LARGEST.replace('"MCPQ", "CMPQ", "PQMC", "PMCQ", "QPMC"', '"MCP"'),
        "changes the sizes": LARGEST.replace(
            "    divisors", '    sizes["R"] = sizes["S"] = 1\n    divisors', 1
        ),
        "the most energy": LARGEST.replace("return min(", "return max(").replace("max(tiles", "min(tiles"),
    },
    "right": {"the largest tile": LARGEST},
}

MUTANTS["map-score"] = {
    "wrong": {
        "the plain mapping": PLAIN,
        "the largest tile": LARGEST,
        "the tile with the most MACs": LARGEST.replace(
            "words(sizes, tile))]", "np.prod(list(tile.values())))]"
        ),
        "whole rows always": MAP.replace("ORDERS", FOUR).replace(
            "    if not tiles",
            '    tiles = [tile for tile in tiles if tile["Q"] == sizes["Q"]]\n    if not tiles',
        ),
        "all channels always": MAP.replace("ORDERS", FOUR).replace(
            "    if not tiles",
            '    tiles = [tile for tile in tiles if tile["C"] == sizes["C"]]\n    if not tiles',
        ),
        "fitted to the layer that is shown": """
def map_layer(sizes, capacity):
    return {"M": 4, "C": 2, "P": 1, "Q": 2}, "MCQP"
""",
    },
    "right": {"eight orders": MAP.replace("ORDERS", FOUR), "all orders, also of loops with one turn": ALL},
}
