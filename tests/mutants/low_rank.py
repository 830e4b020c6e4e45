"""Known wrong and right answers to the lab `low_rank`: the mistakes that students make."""

MUTANTS = {}

# 1. Several Tucker terms in three layers

BLOCKS = """
def three_kernels(cores, u, v):
    terms, a, b, high, wide = cores.shape
    first = v.transpose(0, 2, 1).reshape(terms * b, -1, 1, 1)
    last = u.transpose(1, 0, 2).reshape(-1, terms * a, 1, 1)
    return [first.copy(), cores.reshape(terms * a, b, high, wide).copy(), last.copy()]
"""

MUTANTS["blocks-check"] = {
    "wrong": {
        "v not transposed": BLOCKS.replace(
            "v.transpose(0, 2, 1).reshape(terms * b, -1, 1, 1)", "v.reshape(terms * b, -1, 1, 1)"
        ),
        "u not put in order": BLOCKS.replace(
            "u.transpose(1, 0, 2).reshape(-1, terms * a, 1, 1)", "u.reshape(-1, terms * a, 1, 1)"
        ),
        "ranks first, then terms": BLOCKS.replace("v.transpose(0, 2, 1)", "v.transpose(2, 0, 1)"),
        "ranks of the outputs first": BLOCKS.replace("u.transpose(1, 0, 2)", "u.transpose(1, 2, 0)"),
        "the first term only": BLOCKS.replace(
            "    terms, a", "    cores = cores.copy()\n    cores[1:] = 0\n    terms, a"
        ),
        "the core turned around": BLOCKS.replace(
            "cores.reshape(terms * a, b, high, wide)",
            "cores[..., ::-1, ::-1].reshape(terms * a, b, high, wide)",
        ),
        "the middle is not grouped": BLOCKS.replace(
            "cores.reshape(terms * a, b, high, wide)",
            "np.concatenate([cores.reshape(terms * a, b, high, wide)] * terms, axis=1)",
        ),
        "the mean of the terms": BLOCKS.replace("last.copy()", "last / terms"),
        "the last term first": """
def three_kernels(cores, u, v):
    cores, u, v = cores[::-1], u[::-1], v[::-1]
"""
        + BLOCKS.split("\n", 2)[2],
        "scales the cores that it is given": BLOCKS.replace(
            "    first =", "    cores *= 2\n    first ="
        ).replace("last.copy()", "last / 2"),
        "right for square cores only": BLOCKS.replace(
            "reshape(terms * a, b, high, wide)", "reshape(terms * b, a, high, wide)"
        ),
    },
    "right": {
        "term by term": """
def three_kernels(cores, u, v):
    first, middle, last = [], [], []
    for core, out, into in zip(cores, u, v):
        first.extend(into.T[:, :, None, None])
        middle.extend(core)
        last.append(out)
    return [np.array(first), np.array(middle), np.concatenate(last, axis=1)[:, :, None, None]]
""",
        "with einsum": """
def three_kernels(cores, u, v):
    terms, a, b, high, wide = cores.shape
    first = np.einsum("gsb->gbs", v).reshape(terms * b, v.shape[1], 1, 1)
    last = np.einsum("gta->tga", u).reshape(u.shape[1], terms * a, 1, 1)
    return [first, np.concatenate(list(cores)), last]
""",
    },
}

MUTANTS["half-check"] = {
    "wrong": {
        "the break-even rank": "def rank_for_half():\n    return 300\n",
        "half of the shorter side": "def rank_for_half():\n    return 200\n",
        "a quarter": "def rank_for_half():\n    return 75\n",
        "one factor only": "def rank_for_half():\n    return 399\n",
    },
    "right": {"computed": "def rank_for_half():\n    return 1200 * 400 // 2 // 1600\n"},
}

# 2. A step of ALS where some weights matter more

ALS = """
def als_step(array, importance, factors, axis, ridge):
    z = all_products([factor for i, factor in enumerate(factors) if i != axis])
    k, omega = unfolded(array, axis), unfolded(importance, axis)
    identity = ridge * np.eye(z.shape[1])
    return np.array([np.linalg.solve(z.T @ (z * o[:, None]) + identity, z.T @ (o * row)) for row, o in zip(k, omega)])
"""

MUTANTS["als-check"] = {
    "wrong": {
        "all entries matter alike": ALS.replace(
            "unfolded(importance, axis)", "np.ones_like(unfolded(array, axis))"
        ),
        "importance on one side only": ALS.replace("z.T @ (o * row)", "z.T @ row"),
        "importance squared": ALS.replace("unfolded(importance, axis)", "unfolded(importance, axis) ** 2"),
        "importance as yes or no": ALS.replace(
            "unfolded(importance, axis)", "(unfolded(importance, axis) > 0).astype(float)"
        ),
        "the ridge squared": ALS.replace("ridge * np.eye", "ridge**2 * np.eye"),
        "no ridge": ALS.replace("identity = ridge *", "identity = 1e-12 *"),
        "the factors in reverse order": ALS.replace("if i != axis]", "if i != axis][::-1]"),
        "always the first axis": ALS.replace("    z =", "    axis = 0\n    z ="),
        "for three axes only": ALS.replace(
            "all_products([factor for i, factor in enumerate(factors) if i != axis])",
            "all_products([factor for i, factor in enumerate(factors[:3]) if i != axis])",
        ),
        "one system for all rows": ALS.replace(
            "z.T @ (z * o[:, None]) + identity", "z.T @ (z * omega.mean(0)[:, None]) + identity"
        ),
        "changes the factor that it is given": ALS.replace(
            "    return np.array(", "    factors[axis][:] = np.array("
        )
        + "    return factors[axis].copy()\n",
        "transposed": ALS.replace("o in zip(k, omega)])", "o in zip(k, omega)]).T"),
    },
    "right": {
        "all rows at once": """
def als_step(array, importance, factors, axis, ridge):
    z = all_products([factor for i, factor in enumerate(factors) if i != axis])
    k, omega = unfolded(array, axis), unfolded(importance, axis)
    left = np.einsum("cr,tc,cs->trs", z, omega, z) + ridge * np.eye(z.shape[1])
    return np.linalg.solve(left, ((omega * k) @ z)[..., None])[..., 0]
""",
        "by least squares": """
def als_step(array, importance, factors, axis, ridge):
    z = all_products(factors[:axis] + factors[axis + 1 :])
    rank, rows = z.shape[1], []
    for row, o in zip(unfolded(array, axis), unfolded(importance, axis)):
        root = np.sqrt(o)
        left = np.concatenate([root[:, None] * z, np.sqrt(ridge) * np.eye(rank)])
        rows.append(np.linalg.lstsq(left, np.concatenate([root * row, np.zeros(rank)]), rcond=None)[0])
    return np.array(rows)
""",
    },
}

# 3. Which layers are worth it

WORTH = """
def ranks_within(values, shapes, error):
    ranks = []
    for sigma, (rows, columns) in zip(values, shapes):
        squares = np.asarray(sigma, float) ** 2
        left_out = np.append(squares[::-1].cumsum()[::-1][1:], 0)
        rank = int(np.flatnonzero(np.sqrt(left_out) <= error * np.sqrt(squares.sum()) + 1e-12)[0]) + 1
        ranks.append(rank if rank * (rows + columns) < rows * columns else 0)
    return ranks
"""

MUTANTS["worth-check"] = {
    "wrong": {
        "the share of the energy, not of the norm": WORTH.replace(
            "np.sqrt(left_out) <= error * np.sqrt(squares.sum())", "left_out <= error * squares.sum()"
        ),
        "singular values, not their squares": WORTH.replace(
            "squares = np.asarray(sigma, float) ** 2", "squares = np.asarray(sigma, float)"
        ).replace("np.sqrt(left_out) <= error * np.sqrt(squares.sum())", "left_out <= error * squares.sum()"),
        "keeps the share instead": WORTH.replace("<= error *", "<= (1 - error) *"),
        "one rank too many": WORTH.replace("[0]) + 1", "[0]) + 2"),
        "never dense": WORTH.replace("rank if rank * (rows + columns) < rows * columns else 0", "rank"),
        "dense when as many weights are more than half": WORTH.replace(
            "< rows * columns else", "< rows * columns / 2 else"
        ),
        "also where nothing is saved": WORTH.replace("< rows * columns else", "<= rows * columns else"),
        "full rank where it stays dense": WORTH.replace(
            "rows * columns else 0", "rows * columns else len(squares)"
        ),
        "rank 0 where all may go": WORTH.replace(
            "left_out = np.append(squares[::-1].cumsum()[::-1][1:], 0)",
            "left_out = np.append(squares[::-1].cumsum()[::-1], 0)",
        ).replace("[0]) + 1", "[0])"),
        "the largest left-out value only": WORTH.replace("squares[::-1].cumsum()[::-1][1:]", "squares[1:]"),
        "the shorter side twice": WORTH.replace("rank * (rows + columns)", "rank * 2 * min(rows, columns)"),
    },
    "right": {
        "rank after rank": """
def ranks_within(values, shapes, error):
    found = []
    for sigma, shape in zip(values, shapes):
        sigma, rank = np.array(sigma, float), 1
        while np.linalg.norm(sigma[rank:]) > error * np.linalg.norm(sigma) + 1e-12:
            rank += 1
        found.append(rank if rank < shape[0] * shape[1] / (shape[0] + shape[1]) else 0)
    return found
""",
    },
}

MUTANTS["steps-check"] = {
    "wrong": {
        "the same rank": "def largest_rank_as_fast():\n    return 130\n",
        "one array": "def largest_rank_as_fast():\n    return 160\n",
        "one too many": "def largest_rank_as_fast():\n    return 257\n",
        "three parts": "def largest_rank_as_fast():\n    return 384\n",
    },
    "right": {"computed": "def largest_rank_as_fast():\n    return -(-130 // 128) * 128\n"},
}

# 4. Ranks that an array likes

CHOOSE = """
def choose_ranks(values, shapes, limit, side):
    states = [(0, 0.0, [])]
    for sigma, shape in zip(values, shapes):
        most = min(shape)
        options = [0, *range(side, most, side), most]
        table = [(cycles_of(shape, r, side), error_of(sigma, r), r) for r in options]
        extended = [(s + c, e + d, [*ranks, r]) for s, e, ranks in states for c, d, r in table if e + d <= limit]
        states, least = [], float("inf")
        for state in sorted(extended, key=lambda s: s[:2]):
            if state[1] < least:
                states.append(state)
                least = state[1]
    return states[0][2]
"""
EVEN = """
def choose_ranks(values, shapes, limit, side):
    ranks = []
    for sigma, shape in zip(values, shapes):
        within = [r for r in range(1, min(shape) + 1) if error_of(sigma, r) <= limit / len(values)]
        rank = within[0] if within else 0
        ranks.append(rank if cycles_of(shape, rank, side) < cycles_of(shape, 0, side) else 0)
    return ranks
"""
GREEDY = """
def choose_ranks(values, shapes, limit, side):
    now = [0] * len(shapes)
    while True:
        spent, best = sum(error_of(x, r) for x, r in zip(values, now)), None
        for i, (x, shape) in enumerate(zip(values, shapes)):
            for r in [0, *range(side, min(shape), side), min(shape)]:
                saved = cycles_of(shape, now[i], side) - cycles_of(shape, r, side)
                price = error_of(x, r) - error_of(x, now[i])
                if saved > 0 and spent + price <= limit and (best is None or saved / max(price, 1e-12) > best[0]):
                    best = saved / max(price, 1e-12), i, r
        if best is None:
            return now
        now[best[1]] = best[2]
"""
DENSE = """
def choose_ranks(values, shapes, limit, side):
    return [0] * len(shapes)
"""
RANK_ONE = """
def choose_ranks(values, shapes, limit, side):
    return [1] * len(shapes)
"""
ONE_SIDE = CHOOSE.replace("[0, *range(side, most, side), most]", "[0, side if side <= most else most, most]")
IN_TURN = """
def choose_ranks(values, shapes, limit, side):
    ranks, left = [], limit
    for sigma, shape in zip(values, shapes):
        options = [0, *range(side, min(shape), side), min(shape)]
        within = [r for r in options if error_of(sigma, r) <= left]
        ranks.append(min(within, key=lambda r: cycles_of(shape, r, side)))
        left -= error_of(sigma, ranks[-1])
    return ranks
"""

MUTANTS["choose-check"] = {
    "wrong": {
        "all dense": DENSE,
        "rank 1 everywhere": RANK_ONE,
        "even errors": EVEN,
        "every layer may take the whole limit": """
def choose_ranks(values, shapes, limit, side):
    ranks = []
    for sigma, shape in zip(values, shapes):
        options = [r for r in [0, *range(side, min(shape), side), min(shape)] if error_of(sigma, r) <= limit]
        ranks.append(min(options, key=lambda r: cycles_of(shape, r, side)))
    return ranks
""",
        "twice the limit": CHOOSE.replace("<= limit]", "<= 2 * limit]"),
        "parts of the array, not ranks": CHOOSE.replace(
            "return states[0][2]", "return [r // side for r in states[0][2]]"
        ),
        "the slowest": CHOOSE.replace("return states[0][2]", "return states[-1][2]").replace(
            "0, *range", "*range"
        ),
        "scales the values that it is given": CHOOSE.replace(
            "    for sigma, shape in",
            "    for sigma in values:\n        sigma[:] = sigma / sigma[0] * 0.5\n    for sigma, shape in",
        ),
    },
    "right": {
        "all ranks, not only whole parts": CHOOSE.replace(
            "[0, *range(side, most, side), most]", "range(most + 1)"
        ),
        "the steps that save most for their error": GREEDY,
    },
}

MUTANTS["choose-score"] = {
    "wrong": {
        "even errors": EVEN,
        "all dense": DENSE,
        "layer after layer, as fast as is left": IN_TURN,
        "one part of the array, or all": ONE_SIDE,
        "the steps that save most for their error": GREEDY,
    },
    "right": {
        "all ranks, not only whole parts": CHOOSE.replace(
            "[0, *range(side, most, side), most]", "range(most + 1)"
        ),
        "from the last layer on": CHOOSE.replace(
            "zip(values, shapes):", "zip(values[::-1], shapes[::-1]):"
        ).replace("return states[0][2]", "return states[0][2][::-1]"),
    },
}
