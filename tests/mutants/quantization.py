"""Wrong answers that students give in lab "quantization", and right ones written differently; for the tests of its grader."""

MUTANTS = {}

# 1. The tightest grid

TIGHT = """
def tight_grid(low, high, bits):
    low, high, top = min(low, 0.0), max(high, 0.0), 2**bits - 1
    if low == high == 0:
        return 1.0, 0
    best = (float("inf"), 0)
    for zero in range(top + 1):
        below = 0.0 if low == 0 else -low / zero if zero else float("inf")
        above = 0.0 if high == 0 else high / (top - zero) if zero < top else float("inf")
        best = min(best, (max(below, above), zero))
    return best
"""
# Scale of one given zero point, on a range that holds zero.
ONE_ZERO = """
def tight_grid(low, high, bits):
    import math

    low, high, top = min(low, 0.0), max(high, 0.0), 2**bits - 1
    if low == high == 0:
        return 1.0, 0
    exact = -low / ((high - low) / top)
    zero = ROUNDED
    zero = min(max(zero, 1 if low < 0 else 0), top - 1 if high > 0 else top)
    return max(-low / zero if zero else 0.0, high / (top - zero) if zero < top else 0.0), zero
"""
MUTANTS["tight-check"] = {
    "wrong": {
        "the chapter's grid": """
def tight_grid(low, high, bits):
    low, high, top = min(low, 0.0), max(high, 0.0), 2**bits - 1
    scale = (high - low) / top or 1.0
    return scale, round(-low / scale)
""",
        "the zero point rounded down": ONE_ZERO.replace("ROUNDED", "math.floor(exact)"),
        "the zero point rounded up": ONE_ZERO.replace("ROUNDED", "math.ceil(exact)"),
        "the zero point rounded to the nearest": ONE_ZERO.replace("ROUNDED", "round(exact)"),
        "one code too many": TIGHT.replace("2**bits - 1", "2**bits"),
        "not widened to zero": TIGHT.replace("min(low, 0.0), max(high, 0.0)", "low, high"),
        "symmetric": """
def tight_grid(low, high, bits):
    half = 2 ** (bits - 1) - 1
    return max(-low, high) / half or 1.0, half
""",
        "a zero point that is not whole": """
def tight_grid(low, high, bits):
    low, high, top = min(low, 0.0), max(high, 0.0), 2**bits - 1
    scale = (high - low) / top or 1.0
    return scale, -low / scale
""",
        "no answer for zeros only": TIGHT.replace("return 1.0, 0", "return 0.0, 0"),
    },
    "right": {
        "the two neighbors of the exact zero point": """
def tight_grid(low, high, bits):
    import math

    low, high, top = min(low, 0.0), max(high, 0.0), 2**bits - 1
    if low == 0 and high == 0:
        return 1.0, 0
    if low == 0:
        return high / top, 0
    if high == 0:
        return -low / top, top
    exact = -low * top / (high - low)
    pairs = []
    for zero in {math.floor(exact), math.ceil(exact)}:
        zero = min(max(zero, 1), top - 1)
        pairs.append((max(-low / zero, high / (top - zero)), zero))
    return min(pairs)
""",
        "with arrays": """
def tight_grid(low, high, bits):
    low, high, top = min(low, 0.0), max(high, 0.0), 2**bits - 1
    if low == high:
        return 1.0, 0
    zero = np.arange(top + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(low == 0, 0, -low / zero)
        above = np.where(high == 0, 0, high / (top - zero))
    scale = np.maximum(below, above)
    return float(scale.min()), int(scale.argmin())
""",
    },
}

# 2. Ties to the even

EVEN = """
def to_codes(sums, multiplier, shift, zero_point):
    product = sums.astype(np.int64) * multiplier
    down = product >> shift
    rest, half = product - (down << shift), 1 << (shift - 1)
    up = (rest > half) | ((rest == half) & (down % 2 == 1))
    return np.clip(down + up + zero_point, -128, 127).astype(np.int8)
"""
MUTANTS["even-check"] = {
    "wrong": {
        "ties upward": EVEN.replace("(rest > half) | ((rest == half) & (down % 2 == 1))", "rest >= half"),
        "ties downward": EVEN.replace(" | ((rest == half) & (down % 2 == 1))", ""),
        "ties away from zero": EVEN.replace("(down % 2 == 1)", "(product > 0)"),
        "ties to the odd": EVEN.replace("down % 2 == 1", "down % 2 == 0"),
        "no rounding": EVEN.replace("down + up", "down"),
        "even after the zero point": EVEN.replace("(down % 2 == 1)", "((down + zero_point) % 2 == 1)"),
        "wraps around": EVEN.replace(
            "np.clip(down + up + zero_point, -128, 127)", "(down + up + zero_point)"
        ),
        "in float64": """
def to_codes(sums, multiplier, shift, zero_point):
    return np.clip(np.rint(sums * float(multiplier) / 2.0**shift) + zero_point, -128, 127).astype(np.int8)
""",
        "clips before the zero point": EVEN.replace(
            "np.clip(down + up + zero_point, -128, 127)",
            "np.clip(np.clip(down + up, -128, 127) + zero_point, -128, 127)",
        ),
        "the product in 32 bits": EVEN.replace(
            "product = sums.astype(np.int64) * multiplier",
            "product = (sums * np.int32(multiplier)).astype(np.int64)",
        ),
        "changes the sums": EVEN.replace(
            "    product =", "    sums += 0 * sums + 1\n    sums -= 2\n    product =", 1
        ).replace("sums.astype(np.int64)", "(sums + np.int64(1))"),
    },
    "right": {
        "in Python's integers": """
def to_codes(sums, multiplier, shift, zero_point):
    def code(a):
        whole, rest = divmod(int(a) * multiplier, 2**shift)
        if 2 * rest > 2**shift or (2 * rest == 2**shift and whole & 1):
            whole += 1
        return max(-128, min(127, whole + zero_point))

    return np.array([code(a) for a in sums.ravel()], np.int8).reshape(sums.shape)
""",
        "half up, then back on a tie": """
def to_codes(sums, multiplier, shift, zero_point):
    product = np.int64(multiplier) * sums.astype(np.int64)
    half = np.int64(1) << np.int64(shift - 1)
    up = (product >> shift) + ((product >> (shift - 1)) & 1)
    tie = (product & (2 * half - 1 if shift < 63 else -1)) == half
    result = up - (tie & (up & 1 == 1))
    return np.minimum(np.maximum(result + zero_point, -128), 127).astype("int8")
""",
        "with fractions": """
def to_codes(sums, multiplier, shift, zero_point):
    from fractions import Fraction

    flat = [round(Fraction(int(a) * multiplier, 1 << shift)) + zero_point for a in sums.flatten()]
    return np.clip(np.array(flat, dtype=np.int64), -128, 127).astype(np.int8).reshape(sums.shape)
""",
    },
}

MUTANTS["capacity-check"] = {
    "wrong": {
        "rounded up": "def products_that_fit():\n    return 19\n",
        "activations alone": "def products_that_fit():\n    return 32767 // 255\n",
        "127 for the activations": "def products_that_fit():\n    return 32767 // (7 * 127)\n",
        "8 for the weights": "def products_that_fit():\n    return 32767 // (8 * 255)\n",
    },
    "right": {"computed": "def products_that_fit():\n    return (2**15 - 1) // (7 * 255)\n"},
}

# 3. The sum of two tensors

SUM = """
def add_codes(a, b, zero_points, multipliers, shift):
    total = (a.astype(np.int64) - zero_points[0]) * multipliers[0] + (b.astype(np.int64) - zero_points[1]) * multipliers[1]
    rounded = (total + (1 << (shift - 1))) >> shift
    return np.clip(rounded + zero_points[2], -128, 127).astype(np.int8)
"""
MUTANTS["sum-check"] = {
    "wrong": {
        "rounds twice": """
def add_codes(a, b, zero_points, multipliers, shift):
    parts = [
        ((codes.astype(np.int64) - zero) * m + (1 << (shift - 1))) >> shift
        for codes, zero, m in zip((a, b), zero_points, multipliers)
    ]
    return np.clip(parts[0] + parts[1] + zero_points[2], -128, 127).astype(np.int8)
""",
        "the difference in 8 bits": SUM.replace(
            "(a.astype(np.int64) - zero_points[0])", "(a - np.int8(zero_points[0])).astype(np.int64)"
        ),
        "without rounding": SUM.replace("(total + (1 << (shift - 1))) >> shift", "total >> shift"),
        "adds the codes": """
def add_codes(a, b, zero_points, multipliers, shift):
    return np.clip(a.astype(np.int64) + b - zero_points[0] - zero_points[1] + zero_points[2], -128, 127).astype(np.int8)
""",
        "without the output's zero point": SUM.replace("rounded + zero_points[2]", "rounded"),
        "the zero points of the inputs forgotten": SUM.replace(" - zero_points[0]", "").replace(
            " - zero_points[1]", ""
        ),
        "ties to the even": SUM.replace(
            "(total + (1 << (shift - 1))) >> shift", "np.rint(total / 2**shift).astype(np.int64)"
        ),
        "wraps around": SUM.replace(
            "np.clip(rounded + zero_points[2], -128, 127)", "(rounded + zero_points[2])"
        ),
        "the multipliers exchanged": SUM.replace("multipliers[0]", "multipliers[2]")
        .replace("multipliers[1]", "multipliers[0]")
        .replace("multipliers[2]", "multipliers[1]"),
    },
    "right": {
        "in Python's integers": """
def add_codes(a, b, zero_points, multipliers, shift):
    za, zb, zo = zero_points
    ma, mb = multipliers
    flat = [
        max(-128, min(127, (2 * (ma * (x - za) + mb * (y - zb)) + 2**shift) // 2 ** (shift + 1) + zo))
        for x, y in zip(a.ravel().tolist(), b.ravel().tolist())
    ]
    return np.array(flat, np.int8).reshape(a.shape)
""",
        "by a matrix product": """
def add_codes(a, b, zero_points, multipliers, shift):
    centered = np.stack([a, b], axis=-1).astype(np.int64) - np.array(zero_points[:2])
    total = centered @ np.array(multipliers, dtype=np.int64)
    return np.clip(((total + 2 ** (shift - 1)) >> shift) + zero_points[2], -128, 127).astype(np.int8)
""",
    },
}

# 4. Bias correction without data

MEAN = """
def data_free_bias(weight, rounded, bias, mean, deviation):
    ratio = mean / np.where(deviation > 0, deviation, 1)
    below = (1 + np.vectorize(math.erf)(ratio / math.sqrt(2))) / 2
    density = np.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    expected = np.where(deviation > 0, mean * below + deviation * density, np.maximum(mean, 0))
    return bias - (rounded - weight) @ expected
"""
MUTANTS["mean-check"] = {
    "wrong": {
        "the sign": MEAN.replace("bias - (", "bias + ("),
        "no ReLU": "def data_free_bias(weight, rounded, bias, mean, deviation):\n    return bias - (rounded - weight) @ mean\n",
        "the ReLU of the mean": """
def data_free_bias(weight, rounded, bias, mean, deviation):
    return bias - (rounded - weight) @ np.maximum(mean, 0)
""",
        "the density not times the deviation": MEAN.replace("deviation * density", "density"),
        "divides by a deviation of zero": MEAN.replace(
            "mean / np.where(deviation > 0, deviation, 1)", "mean / deviation"
        ).replace(
            "np.where(deviation > 0, mean * below + deviation * density, np.maximum(mean, 0))",
            "mean * below + deviation * density",
        ),
        "the deviation taken for a variance": MEAN.replace(
            "    ratio =", "    deviation = np.sqrt(deviation)\n    ratio ="
        ),
        "erf without the square root": MEAN.replace("ratio / math.sqrt(2)", "ratio"),
        "zero for constant inputs": MEAN.replace("np.maximum(mean, 0))", "0)"),
        "the correction alone": MEAN.replace("return bias - (rounded", "return -(rounded"),
        "the mean of a constant input not cut off": MEAN.replace("np.maximum(mean, 0))", "mean)"),
        "changes the bias": MEAN.replace(
            "    return bias - (rounded - weight) @ expected",
            "    bias -= (rounded - weight) @ expected\n    return bias",
        ),
    },
    "right": {
        "with PyTorch": """
def data_free_bias(weight, rounded, bias, mean, deviation):
    m, s = torch.as_tensor(mean), torch.as_tensor(deviation)
    normal = torch.distributions.Normal(0.0, 1.0)
    t = m / s.clamp(min=1e-300)
    expected = m * normal.cdf(t) + s * torch.exp(-t.clamp(-40, 40) ** 2 / 2) / math.sqrt(2 * math.pi)
    return bias + (weight - rounded) @ expected.numpy()
""",
        "by a loop": """
def data_free_bias(weight, rounded, bias, mean, deviation):
    corrected = [float(b) for b in bias]
    for j, (m, s) in enumerate(zip(mean, deviation)):
        if s == 0:
            x = max(m, 0.0)
        else:
            x = m * 0.5 * math.erfc(-m / s / math.sqrt(2)) + s * math.exp(-0.5 * (m / s) ** 2) / math.sqrt(2 * math.pi)
        for i in range(len(corrected)):
            corrected[i] -= (rounded[i, j] - weight[i, j]) * x
    return np.array(corrected)
""",
    },
}

# 5. Bits for each layer

EXACT = """
def choose_bits(cost, loss, limit):
    import itertools

    names = list(cost)
    best, least = None, float("inf")
    for bits in itertools.product(*(cost[name] for name in names)):
        lost = sum(loss[name][b] for name, b in zip(names, bits))
        price = sum(cost[name][b] for name, b in zip(names, bits))
        if lost <= limit and price < least:
            best, least = dict(zip(names, bits)), price
    if best is None:
        raise ValueError("no choice keeps the limit")
    return best
"""
UNIFORM = """
def choose_bits(cost, loss, limit):
    widths = sorted(next(iter(cost.values())))
    for bits in widths:
        if sum(table[bits] for table in loss.values()) <= limit:
            return dict.fromkeys(cost, bits)
    raise ValueError("no choice keeps the limit")
"""
# Starts from the best choice with the same bits everywhere, so that it is never worse than that.
GREEDY = """
def choose_bits(cost, loss, limit):
    widths = sorted(next(iter(cost.values())))
    chosen = None
    for bits in widths:
        if sum(table[bits] for table in loss.values()) <= limit:
            chosen = dict.fromkeys(cost, bits)
            break
    if chosen is None:
        raise ValueError("no choice keeps the limit")
    while True:
        lost = sum(loss[name][bits] for name, bits in chosen.items())
        steps = []
        for name, bits in chosen.items():
            if bits > widths[0]:
                lower = widths[widths.index(bits) - 1]
                saved, more = cost[name][bits] - cost[name][lower], loss[name][lower] - loss[name][bits]
                if lost + more <= limit and saved > 0:
                    steps.append((SCORE, name, lower))
        if not steps:
            return chosen
        _, name, lower = max(steps)
        chosen[name] = lower
"""
PER_JOULE = GREEDY.replace("SCORE", "saved / max(more, 1e-12)")
MUTANTS["bits-check"] = {
    "wrong": {
        "the most bits": "def choose_bits(cost, loss, limit):\n    return {name: max(table) for name, table in cost.items()}\n",
        "the fewest bits": "def choose_bits(cost, loss, limit):\n    return {name: min(table) for name, table in cost.items()}\n",
        "the limit for each layer": """
def choose_bits(cost, loss, limit):
    chosen = {name: [bits for bits in table if loss[name][bits] <= limit] for name, table in cost.items()}
    if not all(chosen.values()):
        raise ValueError("no choice keeps the limit")
    return {name: min(bits, key=cost[name].get) for name, bits in chosen.items()}
""",
        "an equal part of the limit for each layer": """
def choose_bits(cost, loss, limit):
    part = limit / len(cost)
    return {
        name: min([bits for bits in table if loss[name][bits] <= part] or [max(table)], key=table.get)
        for name, table in cost.items()
    }
""",
        "less than the limit": EXACT.replace("lost <= limit", "lost < limit"),
        "None when nothing fits": EXACT.replace(
            '    if best is None:\n        raise ValueError("no choice keeps the limit")\n', ""
        ),
        "the least loss": EXACT.replace("price < least", "lost < least")
        .replace("strict=True)), price", "lost")
        .replace("dict(zip(names, bits)), price", "dict(zip(names, bits)), lost"),
    },
    "right": {
        "greedy": PER_JOULE,
        "the same bits everywhere, if one layer cannot go lower": GREEDY.replace("SCORE", "saved"),
    },
}
MUTANTS["bits-score"] = {
    "wrong": {
        "the same bits everywhere": UNIFORM,
        "greedy by joules for each loss": PER_JOULE,
        "greedy by joules": GREEDY.replace("SCORE", "saved"),
        "over the limit": EXACT.replace("lost <= limit", "lost <= 1.5 * limit"),
    },
    "right": {
        "by dynamic programming over the kept choices": """
def choose_bits(cost, loss, limit):
    front = [(0.0, 0.0, {})]
    for name in cost:
        grown = [
            (price + cost[name][bits], lost + loss[name][bits], {**chosen, name: bits})
            for price, lost, chosen in front
            for bits in cost[name]
            if lost + loss[name][bits] <= limit
        ]
        grown.sort(key=lambda state: state[:2])
        front, least = [], float("inf")
        for state in grown:
            if state[1] < least:
                front.append(state)
                least = state[1]
    if not front:
        raise ValueError("no choice keeps the limit")
    return front[0][2]
""",
        "recursively": """
def choose_bits(cost, loss, limit):
    names = list(cost)

    def search(i, left):
        if i == len(names):
            return 0.0, {}
        found = []
        for bits, price in cost[names[i]].items():
            rest = search(i + 1, left - loss[names[i]][bits]) if loss[names[i]][bits] <= left + 1e-15 else None
            if rest is not None:
                found.append((price + rest[0], {names[i]: bits, **rest[1]}))
        return min(found, key=lambda pair: pair[0]) if found else None

    result = search(0, limit)
    if result is None:
        raise ValueError("no choice keeps the limit")
    return result[1]
""",
    },
}

MUTANTS["shrink-check"] = {
    "wrong": {
        "time": 'def what_shrinks():\n    return "time"\n',
        "multiplications": 'def what_shrinks():\n    return "multiplications"\n',
        "a number": "def what_shrinks():\n    return 4\n",
    },
    "right": {"built": 'def what_shrinks():\n    return "".join(["by", "tes"])\n'},
}
