"""Wrong answers that students give in lab "binary_ternary_log", and right ones written differently; for its grader's tests."""

MUTANTS = {}

# 1. Two scales for each row

ROWS = """
def ttq_rows(weight, gradient, positive, negative, share):
    threshold = share * abs(weight).max(1, keepdims=True)
    above, below = weight > threshold, weight < -threshold
    p, n = positive[:, None], negative[:, None]
    values = p * above - n * below
    factor = np.where(above, p, np.where(below, n, 1))
    return values, (gradient * above).sum(1), -(gradient * below).sum(1), gradient * factor
"""
MUTANTS["rows-check"] = {
    "wrong": {
        "one threshold for all rows": ROWS.replace("abs(weight).max(1, keepdims=True)", "abs(weight).max()"),
        "the sign of the second gradient": ROWS.replace("-(gradient * below)", "(gradient * below)"),
        "the mean, not the sum": ROWS.replace(
            "(gradient * above).sum(1)", "(gradient * above).mean(1)"
        ).replace("-(gradient * below).sum(1)", "-(gradient * below).mean(1)"),
        "the gradients of whole layers": ROWS.replace(
            "(gradient * above).sum(1)", "(gradient * above).sum() + 0 * positive"
        ),
        "straight through, not scaled": ROWS.replace("gradient * factor", "gradient"),
        "no gradient between the thresholds": ROWS.replace("np.where(below, n, 1)", "np.where(below, n, 0)"),
        "minus n for the latent weights": ROWS.replace("np.where(below, n, 1)", "np.where(below, -n, 1)"),
        "at the threshold counts as beyond": ROWS.replace(
            "weight > threshold, weight < -threshold", "weight >= threshold, weight <= -threshold"
        ),
        "the largest weight, not the largest magnitude": ROWS.replace("abs(weight).max", "weight.max"),
        "square matrices only": ROWS.replace("positive[:, None], negative[:, None]", "positive, negative"),
        "changes the gradient": ROWS.replace(
            "    factor =", "    gradient *= 1 + 0 * gradient\n    factor ="
        ).replace("gradient * factor", "np.multiply(gradient, factor, out=gradient)"),
    },
    "right": {
        "by loops": """
def ttq_rows(weight, gradient, positive, negative, share):
    values, latent = np.zeros(weight.shape), np.array(gradient, float)
    up, down = np.zeros(len(weight)), np.zeros(len(weight))
    for i in range(weight.shape[0]):
        limit = share * max(abs(w) for w in weight[i])
        for j in range(weight.shape[1]):
            if weight[i, j] > limit:
                values[i, j] = positive[i]
                up[i] += gradient[i, j]
                latent[i, j] *= positive[i]
            elif weight[i, j] < -limit:
                values[i, j] = -negative[i]
                down[i] -= gradient[i, j]
                latent[i, j] *= negative[i]
    return values, up, down, latent
""",
        "by autograd": """
def ttq_rows(weight, gradient, positive, negative, share):
    w, g = torch.as_tensor(weight), torch.as_tensor(gradient)
    p, n = torch.tensor(positive, requires_grad=True), torch.tensor(negative, requires_grad=True)
    limit = share * w.abs().amax(1, keepdim=True)
    above, below = (w > limit).double(), (w < -limit).double()
    values = p[:, None] * above - n[:, None] * below
    values.backward(g)
    latent = g * (above * p[:, None] + below * n[:, None] + (1 - above - below))
    return values.detach().numpy(), p.grad.numpy(), n.grad.numpy(), latent.detach().numpy()
""",
    },
}

# 2. Dirty padding

DIRTY = """
def dirty_products(a, b, n):
    differ = a[:, None, :] ^ b[None, :, :]
    rest = n % 64
    if rest:
        differ[..., -1] &= np.uint64((1 << rest) - 1)
    return n - 2 * np.bitwise_count(differ).sum(-1, dtype=np.int64)
"""
MUTANTS["dirty-check"] = {
    "wrong": {
        "the padding counts": DIRTY.replace(
            "    if rest:\n        differ[..., -1] &= np.uint64((1 << rest) - 1)\n", ""
        ),
        "an empty last word when it is full": DIRTY.replace("    if rest:\n    ", "    if True:\n    "),
        "every word masked": DIRTY.replace("differ[..., -1] &=", "differ &="),
        "one bit too many": DIRTY.replace("(1 << rest) - 1", "(2 << rest) - 1"),
        "one bit too few": DIRTY.replace("(1 << rest) - 1", "(1 << (rest - 1)) - 1"),
        "agreements, not the product": DIRTY.replace("n - 2 * np.bitwise_count", "n - np.bitwise_count"),
        "the sign": DIRTY.replace(
            "n - 2 * np.bitwise_count(differ).sum(-1, dtype=np.int64)",
            "2 * np.bitwise_count(differ).sum(-1, dtype=np.int64) - n",
        ),
        "counts in 8 bits": DIRTY.replace("dtype=np.int64", "dtype=np.uint8"),
        "and, not exclusive or": DIRTY.replace(" ^ ", " & "),
        "the first word only": DIRTY.replace(
            "return n - 2 * np.bitwise_count(differ)", "return n - 2 * np.bitwise_count(differ[..., :1])"
        ),
        "changes the words": DIRTY.replace(
            "    differ =", "    if n % 64:\n        a[:, -1] &= np.uint64((1 << n % 64) - 1)\n    differ ="
        ),
    },
    "right": {
        "unpacked": """
def dirty_products(a, b, n):
    def signs(words):
        bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")[:, :n]
        return 2 * bits.astype(np.int64) - 1

    return signs(a) @ signs(b).T
""",
        "in Python's integers": """
def dirty_products(a, b, n):
    def number(words):
        return sum(int(word) << (64 * i) for i, word in enumerate(words)) & ((1 << n) - 1)

    return np.array([[n - 2 * (number(x) ^ number(y)).bit_count() for y in b] for x in a])
""",
        "agreements counted": """
def dirty_products(a, b, n):
    valid = np.full(a.shape[1], 2**64 - 1, np.uint64)
    valid[-1] >>= np.uint64(-n % 64)
    agree = ~(a[:, None] ^ b) & valid
    return 2 * np.bitwise_count(agree).astype(int).sum(2) - n
""",
    },
}

MUTANTS["formula-check"] = {
    "wrong": {
        "64": "def times_fewer():\n    return 64\n",
        "the paper's layer": "def times_fewer():\n    return 62.27\n",
        "one weight a kernel": "def times_fewer():\n    return 64 * 128 / (128 + 64)\n",
        "without the channels": "def times_fewer():\n    return 64 * 9 / (9 + 64)\n",
    },
    "right": {"rounded": "def times_fewer():\n    return 60.6\n"},
}

# 3. Bit planes

PLANES = """
def ternary_products(a_plus, a_minus, b_plus, b_minus):
    ap, am = a_plus[:, None, :], a_minus[:, None, :]
    same = np.bitwise_count((ap & b_plus) | (am & b_minus)).sum(-1, dtype=np.int64)
    opposite = np.bitwise_count((ap & b_minus) | (am & b_plus)).sum(-1, dtype=np.int64)
    return same - opposite, same + opposite
"""
MUTANTS["planes-check"] = {
    "wrong": {
        "the ones only": PLANES.replace("(ap & b_plus) | (am & b_minus)", "ap & b_plus"),
        "as if there were no zeros": """
def ternary_products(a_plus, a_minus, b_plus, b_minus):
    differ = np.bitwise_count(a_plus[:, None] ^ b_plus).sum(-1, dtype=np.int64)
    n = 64 * a_plus.shape[1]
    return n - 2 * differ, np.full(differ.shape, n)
""",
        "the sign": PLANES.replace("same - opposite,", "opposite - same,"),
        "counts in 8 bits": PLANES.replace("dtype=np.int64", "dtype=np.uint8"),
        "the size of the product, not the work": PLANES.replace("same + opposite", "abs(same - opposite)"),
        "either not zero": PLANES.replace(
            "same + opposite", "np.bitwise_count(ap | am | b_plus | b_minus).sum(-1, dtype=np.int64)"
        ),
        "the work of one factor": PLANES.replace(
            "same + opposite", "np.bitwise_count(ap | am | (b_plus & 0)).sum(-1, dtype=np.int64)"
        ),
        "the first word only": PLANES.replace(".sum(-1, dtype=np.int64)", "[..., 0].astype(np.int64)"),
        "columns and rows exchanged": PLANES.replace(
            "return same - opposite, same + opposite", "return (same - opposite).T, (same + opposite).T"
        ),
    },
    "right": {
        "as counts of both planes": """
def ternary_products(a_plus, a_minus, b_plus, b_minus):
    def count(x, y):
        return np.bitwise_count(x[:, None, :] & y[None, :, :]).astype(np.int64).sum(axis=2)

    pp, mm, pm, mp = count(a_plus, b_plus), count(a_minus, b_minus), count(a_plus, b_minus), count(a_minus, b_plus)
    return pp + mm - pm - mp, pp + mm + pm + mp
""",
        "unpacked": """
def ternary_products(a_plus, a_minus, b_plus, b_minus):
    def bits(words):
        return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1).astype(np.int64)

    a, b = bits(a_plus) - bits(a_minus), bits(b_plus) - bits(b_minus)
    return a @ b.T, abs(a) @ abs(b).T
""",
        "by the work first": """
def ternary_products(a_plus, a_minus, b_plus, b_minus):
    busy = (a_plus | a_minus)[:, None] & (b_plus | b_minus)
    differ = (a_plus[:, None] ^ b_plus) & busy
    work = np.bitwise_count(busy).sum(-1, dtype=int)
    return work - 2 * np.bitwise_count(differ).sum(-1, dtype=int), work
""",
    },
}

# 4. Powers of two

POWERS = """
def sum_of_powers(signs, exponents, others):
    terms = [(int(s), int(e) + int(f)) for s, e, f in zip(signs, exponents, others) if s]
    if not terms:
        return 0, 0
    lowest = min(e for _, e in terms)
    return sum(s * (1 << (e - lowest)) for s, e in terms), lowest
"""
MUTANTS["powers-check"] = {
    "wrong": {
        "zeros count for the lowest exponent": POWERS.replace(" if s]", "]"),
        "the difference of the exponents": POWERS.replace("int(e) + int(f)", "int(e) - int(f)"),
        "in NumPy's integers": """
def sum_of_powers(signs, exponents, others):
    kept = signs != 0
    if not kept.any():
        return 0, 0
    e = (exponents + others)[kept]
    lowest = int(e.min())
    return int((signs[kept] * (np.int64(1) << np.minimum(e - lowest, 63))).sum()), lowest
""",
        "the signs forgotten": POWERS.replace("s * (1 <<", "(1 <<"),
        "exponents of one factor": POWERS.replace("int(e) + int(f)", "int(e)"),
        "the lowest of each factor": """
def sum_of_powers(signs, exponents, others):
    terms = [(int(s), int(e), int(f)) for s, e, f in zip(signs, exponents, others) if s]
    if not terms:
        return 0, 0
    lowest = min(e for _, e, _ in terms) + min(f for *_, f in terms)
    return sum(s * (1 << (e + f - lowest)) for s, e, f in terms), lowest
""",
        "an error when nothing is left": POWERS.replace("    if not terms:\n        return 0, 0\n", ""),
        "reduced by common factors": POWERS.replace(
            "    return sum(s * (1 << (e - lowest)) for s, e in terms), lowest",
            "    total = sum(s * (1 << (e - lowest)) for s, e in terms)\n"
            "    while total and total % 2 == 0:\n        total, lowest = total // 2, lowest + 1\n    return total, lowest",
        ),
    },
    "right": {
        "with fractions": """
def sum_of_powers(signs, exponents, others):
    chosen = [i for i in range(len(signs)) if signs[i] != 0]
    if len(chosen) == 0:
        return (0, 0)
    powers = [int(exponents[i]) + int(others[i]) for i in chosen]
    total = sum(int(signs[i]) * Fraction(2) ** p for i, p in zip(chosen, powers))
    return int(total / Fraction(2) ** min(powers)), min(powers)
""",
        "in one running sum": """
def sum_of_powers(signs, exponents, others):
    total, lowest = 0, None
    for s, e in zip(signs.tolist(), (exponents + others).tolist()):
        if s == 0:
            continue
        if lowest is None:
            lowest = e
        if e < lowest:
            total, lowest = total << (lowest - e), e
        total += s << (e - lowest)
    return (0, 0) if lowest is None else (total, lowest)
""",
    },
}

MUTANTS["bytes-check"] = {
    "wrong": {
        "int8": "def microseconds():\n    return 4096 * 4096 / 34e9 * 1e6\n",
        "one bit a weight": "def microseconds():\n    return 4096 * 4096 / 8 / 34e9 * 1e6\n",
        "in milliseconds": "def microseconds():\n    return 4096 * 4096 / 4 / 34e9 * 1e3\n",
        "bits, not bytes": "def microseconds():\n    return 4096 * 4096 * 2 / 34e9 * 1e6\n",
    },
    "right": {"computed": "def microseconds():\n    return 4096**2 / 4 / 34_000\n"},
}

# 5. Rows in int8

RATIO = """
def rows_in_int8(joules, errors, budget):
    saved, cost = errors[:, 0] - errors[:, 1], joules[:, 1] - joules[:, 0]
    chosen, left = np.zeros(len(joules), bool), budget - joules[:, 0].sum()
    for row in np.argsort(-SCORE, kind="stable"):
        if cost[row] <= left:
            chosen[row] = True
            left -= cost[row]
    return chosen
"""
BY_RATIO = RATIO.replace("SCORE", "saved / cost")
BY_ROOT = RATIO.replace("SCORE", "saved / cost**0.8")
MUTANTS["spend-check"] = {
    "wrong": {
        "the rows with the largest errors": RATIO.replace("SCORE", "errors[:, 0]"),
        "all rows": "def rows_in_int8(joules, errors, budget):\n    return np.ones(len(joules), bool)\n",
        "no row": "def rows_in_int8(joules, errors, budget):\n    return np.zeros(len(joules), bool)\n",
        "the cheapest rows": RATIO.replace("SCORE", "(-cost)"),
        "int8 paid on top of ternary": BY_RATIO.replace("joules[:, 1] - joules[:, 0]", "joules[:, 1]"),
        "the ternary rows not paid for": BY_RATIO.replace("budget - joules[:, 0].sum()", "budget"),
        "numbers, not booleans": BY_RATIO.replace("return chosen", "return chosen.astype(int)"),
        "one row over the budget": BY_RATIO.replace("if cost[row] <= left:", "if left > 0:"),
        "changes the errors": BY_RATIO.replace(
            "    saved, cost =", "    errors[:, 0] -= errors[:, 1]\n    saved, cost ="
        ).replace("errors[:, 0] - errors[:, 1], joules", "errors[:, 0], joules"),
    },
    "right": {
        "by what a joule saves": BY_RATIO,
        "by a score in between": BY_ROOT,
    },
}
MUTANTS["spend-score"] = {
    "wrong": {
        "the rows with the largest errors": RATIO.replace("SCORE", "errors[:, 0]"),
        "by the square root of the cost": RATIO.replace("SCORE", "saved / cost**0.5"),
        "the cheapest rows": RATIO.replace("SCORE", "(-cost)"),
        "twice the budget": BY_RATIO.replace("budget - joules", "2 * budget - joules"),
        "fitted to the layers that are shown": BY_RATIO.replace(
            "    saved, cost", "    known = [draw_rows(seed)[2] for seed in (0, 1, 2)]\n    saved, cost"
        ).replace("-saved / cost", "-(saved / cost if budget in known else errors[:, 0])"),
        "half of what is left": BY_RATIO.replace(
            "budget - joules[:, 0].sum()", "(budget - joules[:, 0].sum()) / 2"
        ),
    },
    "right": {
        "by a price for a joule": """
def rows_in_int8(joules, errors, budget):
    low, high = 0.0, 2 * float(((errors[:, 0] - errors[:, 1]) / (joules[:, 1] - joules[:, 0])).max())
    best = np.zeros(len(joules), bool)
    for _ in range(100):
        price = (low + high) / 2
        chosen = errors[:, 1] + price * joules[:, 1] < errors[:, 0] + price * joules[:, 0]
        if np.where(chosen, joules[:, 1], joules[:, 0]).sum() <= budget:
            best, high = chosen, price
        else:
            low = price
    left = budget - np.where(best, joules[:, 1], joules[:, 0]).sum()
    for row in np.argsort(errors[:, 1] - errors[:, 0]):
        extra = joules[row, 1] - joules[row, 0]
        if not best[row] and extra <= left:
            best[row], left = True, left - extra
    return best
""",
        "sorted in Python": """
def rows_in_int8(joules, errors, budget):
    spend = float(joules[:, 0].sum())
    order = sorted(range(len(joules)), key=lambda r: (errors[r, 1] - errors[r, 0]) / (joules[r, 1] - joules[r, 0]))
    chosen = [False] * len(joules)
    for r in order:
        more = float(joules[r, 1] - joules[r, 0])
        if spend + more <= budget * (1 + 1e-12):
            chosen[r] = True
            spend += more
    return np.array(chosen)
""",
    },
}
