"""Known wrong and right answers to the lab `gpu`: the mistakes that students make."""

MUTANTS = {}

# 1. Mixed precision, with a scale

MIXED = """
def mixed_product(a, b, depth, scale=1.0):
    with np.errstate(over="ignore"):
        left, right = a.astype(np.float16), (b * scale).astype(np.float16)
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise ValueError("a number is not finite in fp16: lower the scale")
    sums = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for k in range(0, a.shape[1], depth):
        sums += left[:, k : k + depth].astype(np.float32) @ right[k : k + depth].astype(np.float32)
    return sums / np.float32(scale)
"""

MUTANTS["mixed-check"] = {
    "wrong": {
        "sums in fp16": MIXED.replace("np.zeros((a.shape[0], b.shape[1]), np.float32)", "np.float16(0)")
        .replace(
            "sums += left[:, k : k + depth].astype(np.float32) @ right[k : k + depth].astype(np.float32)",
            "sums = (sums + left[:, k : k + depth] @ right[k : k + depth]).astype(np.float16)",
        )
        .replace("return sums / np.float32(scale)", "return (sums / np.float32(scale)).astype(np.float32)"),
        "chunks in fp16": MIXED.replace(
            "left[:, k : k + depth].astype(np.float32) @ right[k : k + depth].astype(np.float32)",
            "(left[:, k : k + depth] @ right[k : k + depth]).astype(np.float16)",
        ),
        "one number of k at a time": MIXED.replace("    for k", "    depth = 1\n    for k"),
        "a not rounded": MIXED.replace("left[:, k : k + depth]", "a[:, k : k + depth]"),
        "scaled after rounding": MIXED.replace(
            "(b * scale).astype(np.float16)", "(b.astype(np.float16) * np.float32(scale)).astype(np.float16)"
        ),
        "scale not divided out": MIXED.replace("return sums / np.float32(scale)", "return sums"),
        "the last chunk is left out": MIXED.replace(
            "range(0, a.shape[1], depth)", "range(0, a.shape[1] - depth + 1, depth)"
        ),
        "sums in float64": MIXED.replace(
            "np.zeros((a.shape[0], b.shape[1]), np.float32)", "np.zeros((a.shape[0], b.shape[1]))"
        ).replace("return sums / np.float32(scale)", "return (sums / scale).astype(np.float32)"),
        "infinities are passed on": MIXED.replace("    if not (", "    if False and not ("),
        "only b is looked at": MIXED.replace("np.isfinite(left).all() and ", ""),
        "scales what it is given": MIXED.replace(
            "    with np.errstate", "    b *= scale\n    with np.errstate"
        ).replace("(b * scale)", "b"),
    },
    "right": {
        "clear of NumPy's warnings": """
def mixed_product(a, b, depth, scale=1.0):
    scaled = b * scale
    for part in (a, scaled):
        if not np.isfinite(part).all() or (abs(part) >= 65520).any():
            raise ValueError("too large for fp16")
    left, right = (part.astype(np.float16).astype(np.float32) for part in (a, scaled))
    total = np.float32(0)
    for start in range(0, len(b), depth):
        total = total + np.matmul(left[:, start : start + depth], right[start : start + depth])
    return total / np.float32(scale)
""",
        "chunks by einsum": MIXED.replace(
            "left[:, k : k + depth].astype(np.float32) @ right[k : k + depth].astype(np.float32)",
            'np.einsum("ik,kj->ij", np.float32(left[:, k : k + depth]), np.float32(right[k : k + depth]))',
        ),
    },
}

MUTANTS["scale-check"] = {
    "wrong": {
        "one power too many": "def largest_scale():\n    return 262144\n",
        "one power too few": "def largest_scale():\n    return 65536\n",
        "no power of two": "def largest_scale():\n    return 177037\n",
        "the exponent": "def largest_scale():\n    return 17\n",
    },
    "right": {"computed": "def largest_scale():\n    return 2.0 ** np.floor(np.log2(65504 / 0.37))\n"},
}

# 2. Fill the GPU: split k

SPLIT = """
def best_split(m, k, n, tile, slots, join):
    tiles = ceil(m / tile[0]) * ceil(n / tile[1])
    chunks = ceil(k / tile[2])
    steps = [ceil(s * tiles / slots) * ceil(chunks / s) + (s - 1) * join for s in range(1, chunks + 1)]
    return steps.index(min(steps)) + 1
"""

MUTANTS["split-check"] = {
    "wrong": {
        "the largest of several": SPLIT.replace(
            "return steps.index(min(steps)) + 1", "return len(steps) - steps[::-1].index(min(steps))"
        ),
        "adding is free": SPLIT.replace(" + (s - 1) * join", ""),
        "adds one result too many": SPLIT.replace("(s - 1) * join", "s * join * (s > 1)"),
        "tiles not rounded up": SPLIT.replace(
            "ceil(m / tile[0]) * ceil(n / tile[1])", "m * n / (tile[0] * tile[1])"
        ),
        "part of a wave": SPLIT.replace("ceil(s * tiles / slots)", "max(1, s * tiles / slots)"),
        "part of a chunk": SPLIT.replace("ceil(chunks / s)", "chunks / s"),
        "powers of two only": SPLIT.replace(
            "range(1, chunks + 1)]", "(2**i for i in range(chunks.bit_length()))]"
        ).replace("steps.index(min(steps)) + 1", "2 ** steps.index(min(steps))"),
        "counted from zero": SPLIT.replace("steps.index(min(steps)) + 1", "max(1, steps.index(min(steps)))"),
        "the steps, not the parts": SPLIT.replace(
            "return steps.index(min(steps)) + 1", "return int(min(steps))"
        ),
        "as many as there are slots": "def best_split(m, k, n, tile, slots, join):\n"
        "    tiles = ceil(m / tile[0]) * ceil(n / tile[1])\n"
        "    return max(1, min(slots // tiles, ceil(k / tile[2])))\n",
        "rows and columns swapped": SPLIT.replace("m / tile[0]", "m / tile[1]").replace(
            "n / tile[1]", "n / tile[0]"
        ),
    },
    "right": {
        "by a loop": """
def best_split(m, k, n, tile, slots, join):
    rows, columns, depth = tile
    tiles, chunks = -(-m // rows) * -(-n // columns), -(-k // depth)
    best, least = 1, None
    for parts in range(1, chunks + 1):
        steps = -(-parts * tiles // slots) * -(-chunks // parts) + (parts - 1) * join
        if least is None or steps < least:
            best, least = parts, steps
    return best
""",
        "with NumPy": """
def best_split(m, k, n, tile, slots, join):
    tiles = np.ceil(m / tile[0]) * np.ceil(n / tile[1])
    s = np.arange(1, np.ceil(k / tile[2]) + 1)
    return int(s[np.argmin(np.ceil(s * tiles / slots) * np.ceil(len(s) / s) + (s - 1) * join)])
""",
    },
}

MUTANTS["tail-check"] = {
    "wrong": {
        "the used share": "def tail_saving():\n    return 53.125\n",
        "the tiles beyond one wave": "def tail_saving():\n    return 5.88\n",
        "a whole wave": "def tail_saving():\n    return 50\n",
        "as a fraction": "def tail_saving():\n    return 0.46875\n",
    },
    "right": {"rounded": "def tail_saving():\n    return 46.9\n"},
}

# 3. One tile for a training step

CHOOSE = """
def choose_tile(shapes, budget):
    best, least = None, float("inf")
    for rows, columns, depth, warp in itertools.product(SIDES, SIDES, DEPTHS, WARPS):
        if rows % warp[0] or columns % warp[1]:
            continue
        try:
            time, energy = cost((rows, columns, depth), warp, shapes)
        except ValueError:
            continue
        if energy <= budget and time < least:
            best, least = ((rows, columns, depth), warp), time
    return best
"""

MUTANTS["choose-check"] = {
    "wrong": {
        "whatever it takes": CHOOSE.replace("energy <= budget and ", ""),
        "the slowest": CHOOSE.replace("time < least", "time > least").replace('float("inf")', "0"),
        "always small": "def choose_tile(shapes, budget):\n    return (16, 128, 64), (16, 16)\n",
        "always large": "def choose_tile(shapes, budget):\n    return (256, 128, 32), (64, 64)\n",
        "fitted to the check": "def choose_tile(shapes, budget):\n    return (128, 128, 64), (32, 32)\n",
        "empties the list": CHOOSE.replace("    return best", "    shapes.clear()\n    return best"),
        "without a part for the warps": CHOOSE.replace("    return best", "    return best[0], best[0]"),
    },
    "right": {
        "as it was": "def choose_tile(shapes, budget):\n    return (128, 128, 32), (64, 32)\n",
        "square tiles": CHOOSE.replace("if rows % warp[0]", "if rows != columns or rows % warp[0]"),
    },
}

MUTANTS["choose-score"] = {
    "wrong": {
        "as it was": "def choose_tile(shapes, budget):\n    return (128, 128, 32), (64, 32)\n",
        "least energy": CHOOSE.replace("energy <= budget and time < least", "energy < least").replace(
            "((rows, columns, depth), warp), time", "((rows, columns, depth), warp), energy"
        ),
        "square tiles": CHOOSE.replace("if rows % warp[0]", "if rows != columns or rows % warp[0]"),
        "one part for the warps": CHOOSE.replace("DEPTHS, WARPS)", "DEPTHS, WARPS[2:])"),
    },
    "right": {
        "sorted by time": """
def choose_tile(shapes, budget):
    found = []
    for tile in itertools.product(SIDES, SIDES, DEPTHS):
        for warp in WARPS:
            try:
                found.append((*cost(tile, warp, shapes), tile, warp))
            except ValueError:
                pass
    return min(one for one in found if one[1] <= budget)[2:]
""",
        "more tiles than asked for": CHOOSE.replace(
            "itertools.product(SIDES, SIDES, DEPTHS, WARPS)",
            "itertools.product((*SIDES, 96, 192), (*SIDES, 96, 192), DEPTHS, WARPS)",
        ),
    },
}
