"""Known wrong and right answers to the lab `mixed_precision`: the mistakes that students make."""

MUTANTS = {}

# 1. From a number to its bits

ENCODE = """
def to_bits(values, exponent, mantissa):
    values = np.asarray(values, float)
    finite = np.where(np.isfinite(values), np.abs(values), 0.0)
    bias = 2 ** (exponent - 1) - 1
    power = np.where(finite > 0, np.maximum(np.frexp(finite)[1] - 1, 1 - bias), 1 - bias)
    units = np.rint(np.ldexp(finite, mantissa - power))
    infinity = (2**exponent - 1) * 2**mantissa
    code = np.minimum((power + bias - 1) * 2.0**mantissa + units, infinity).astype(np.int64)
    code = np.where(np.isinf(values), infinity, code)
    code = code + np.signbit(values) * 2 ** (exponent + mantissa)
    return np.where(np.isnan(values), infinity + 2 ** (mantissa - 1), code)
"""

MUTANTS["encode-check"] = {
    "wrong": {
        "ties away from zero": ENCODE.replace(
            "np.rint(np.ldexp(finite, mantissa - power))",
            "np.floor(np.ldexp(finite, mantissa - power) + 0.5)",
        ),
        "through float32": ENCODE.replace(
            "np.asarray(values, float)", "np.asarray(values, np.float32).astype(float)"
        ),
        "cut off, not rounded": ENCODE.replace("np.rint(", "np.floor("),
        "no subnormal numbers": ENCODE.replace(
            "code = np.where(np.isinf",
            "code = np.where(finite < 2.0 ** (1 - bias), 0, code)\n    code = np.where(np.isinf",
        ),
        "a power too high": ENCODE.replace("[1] - 1, 1 - bias", "[1], 1 - bias"),
        "zero has a power": ENCODE.replace(
            "np.where(finite > 0, np.maximum(np.frexp(finite)[1] - 1, 1 - bias), 1 - bias)",
            "np.maximum(np.frexp(finite)[1] - 1, 1 - bias)",
        ),
        "saturates": ENCODE.replace("units, infinity)", "units, infinity - 1)"),
        "does not stop at infinity": ENCODE.replace(
            "np.minimum((power", "np.maximum(0 * infinity, (power"
        ).replace("units, infinity)", "units)"),
        "the sign of zero is lost": ENCODE.replace("np.signbit(values)", "(values < 0)"),
        "NaN becomes infinity": ENCODE.replace("infinity + 2 ** (mantissa - 1), code)", "infinity, code)"),
        "fp16 only": "def to_bits(values, exponent, mantissa):\n    with np.errstate(over='ignore'):\n"
        "        return np.asarray(values).astype(np.float16).view(np.uint16).astype(np.int64)\n",
        "changes the numbers": ENCODE.replace("    return np.where", "    code = np.where").replace(
            "(mantissa - 1), code)\n", "(mantissa - 1), code)\n    values *= 0\n    return code\n"
        ),
        "rounds twice, to fp16 first": ENCODE.replace(
            "values = np.asarray(values, float)",
            "with np.errstate(over='ignore'):\n        values = np.asarray(values, np.float16).astype(float)",
        ),
    },
    "right": {
        "with masks": """
def to_bits(values, exponent, mantissa):
    x = np.array(values, float)
    bias = 2 ** (exponent - 1) - 1
    size = np.abs(x)
    normal = np.isfinite(x) & (size >= 2.0 ** (1 - bias))
    power = np.full(x.shape, 1 - bias)
    power[normal] = np.frexp(size[normal])[1] - 1
    size[~np.isfinite(x)] = 0
    units = np.round(size * 2.0 ** (mantissa - power)).astype(np.int64)
    code = ((power + bias - 1) << mantissa) + units
    top = (2**exponent - 1) << mantissa
    code[(code > top) | np.isinf(x)] = top
    code[np.signbit(x)] |= 1 << (exponent + mantissa)
    code[np.isnan(x)] = top | 1 << (mantissa - 1)
    return code
""",
        "number by number": """
def to_bits(values, exponent, mantissa):
    def one(x):
        sign = (1 << exponent + mantissa) if np.signbit(x) else 0
        top = (2**exponent - 1) << mantissa
        if np.isnan(x):
            return top + (1 << mantissa - 1)
        if np.isinf(x):
            return sign + top
        bias, x = 2 ** (exponent - 1) - 1, abs(float(x))
        e = 1 - bias
        while x >= 2.0 ** (e + 1):
            e += 1
        return sign + min(top, (e + bias - 1 << mantissa) + round(x / 2.0 ** (e - mantissa)))
    values = np.asarray(values)
    return np.array([one(x) for x in values.ravel()], np.int64).reshape(values.shape)
""",
    },
}

MUTANTS["integers-check"] = {
    "wrong": {
        "the mantissa alone": "def all_exact_up_to():\n    return 128\n",
        "one less": "def all_exact_up_to():\n    return 255\n",
        "that of fp16": "def all_exact_up_to():\n    return 2048\n",
        "the largest bf16": "def all_exact_up_to():\n    return 2**8 * 2\n",
    },
    "right": {
        "computed": "def all_exact_up_to():\n    return next(n for n in range(10**6) if BF16.quantize(n + 1.0) != n + 1)\n"
    },
}

# 2. A scaler that is harder to shake

SCALER = """
def run_scaler(largest, start, interval, patience, floor):
    scale, good, bad, scales, skipped = start, 0, 0, [], []
    for size in largest:
        overflow = not size * scale < 65520
        scales.append(scale)
        skipped.append(overflow)
        if overflow:
            good, bad = 0, bad + 1
            if bad == patience:
                scale, bad = max(floor, scale / 2), 0
        else:
            good, bad = good + 1, 0
            if good == interval:
                scale, good = scale * 2, 0
    return {"scales": scales, "skipped": skipped, "final": scale}
"""

MUTANTS["scaler-check"] = {
    "wrong": {
        "no patience": SCALER.replace("if bad == patience:", "if bad:"),
        "overflows need not be in a row": SCALER.replace("good, bad = good + 1, 0", "good = good + 1"),
        "good steps need not be in a row": SCALER.replace("good, bad = 0, bad + 1", "bad = bad + 1"),
        "the count of overflows goes on": SCALER.replace(
            "max(floor, scale / 2), 0", "max(floor, scale / 2), bad"
        ).replace("bad == patience", "bad >= patience"),
        "the count of good steps goes on": SCALER.replace("scale * 2, 0", "scale * 2, good").replace(
            "good == interval", "good >= interval"
        ),
        "no floor": SCALER.replace("max(floor, scale / 2)", "scale / 2"),
        "a NaN passes": SCALER.replace("not size * scale < 65520", "bool(size * scale >= 65520)"),
        "the largest number overflows": SCALER.replace("< 65520", "< 65504"),
        "the scale after the step": SCALER.replace("        scales.append(scale)\n", "").replace(
            '    return {"scales"', '        scales.append(scale)\n    return {"scales"'
        ),
        "skips only when it halves": SCALER.replace("        skipped.append(overflow)\n", "").replace(
            "        if overflow:\n",
            "        skipped.append(overflow and bad + 1 == patience)\n        if overflow:\n",
        ),
        "patience and interval mixed up": SCALER.replace(
            "interval, patience, floor", "patience, interval, floor"
        ),
    },
    "right": {
        "one signed count": """
def run_scaler(largest, start, interval, patience, floor):
    run, scales, skipped = 0, [float(start)], []
    for x in np.asarray(largest, float):
        fine = bool(np.isfinite(x)) and x * scales[-1] < 65520
        run = max(run, 0) + 1 if fine else min(run, 0) - 1
        skipped.append(not fine)
        scale = scales[-1]
        if run == interval:
            scale, run = 2 * scale, 0
        elif run == -patience:
            scale, run = max(scale / 2, floor), 0
        scales.append(scale)
    return {"scales": scales[:-1], "skipped": skipped, "final": scales[-1]}
""",
    },
}

# 3. Sixteen bits, and nothing lost

CARRY = """
def carry_step(weight, carry, update):
    wanted = update + carry
    moved = bf16(weight + wanted)
    return moved, bf16(wanted - (moved - weight))
"""

MUTANTS["carry-check"] = {
    "wrong": {
        "no carry": "def carry_step(weight, carry, update):\n    return bf16(weight + update), carry * 0\n",
        "the carry is not used": CARRY.replace("update + carry", "update"),
        "the carry is replaced": CARRY.replace("wanted - (moved - weight)", "update - (moved - weight)"),
        "the other sign": CARRY.replace("wanted - (moved - weight)", "(moved - weight) - wanted"),
        "the carry is not rounded": CARRY.replace(
            "bf16(wanted - (moved - weight))", "wanted - (moved - weight)"
        ),
        "the weight is not rounded": CARRY.replace(
            "moved = bf16(weight + wanted)", "moved = weight + wanted"
        ),
        "all of it stays in the carry": CARRY.replace("bf16(wanted - (moved - weight))", "bf16(wanted)"),
        "changes the update": CARRY.replace("wanted = update + carry", "update += carry; wanted = update"),
        "the sum is rounded before": CARRY.replace(
            "wanted = update + carry", "wanted = update + bf16(carry / 2) * 2 * (abs(carry) < 2.0**-7)"
        ),
        "only for upward updates": CARRY.replace("update + carry", "update + np.maximum(carry, 0)"),
    },
    "right": {
        "Kahan's order": """
def carry_step(weight, carry, update):
    y = np.asarray(update, float) - (-carry)
    total = bf16(weight + y)
    lost = (total - weight) - y
    return total, bf16(-lost)
""",
        "from the exact sum": """
def carry_step(weight, carry, update):
    exact = weight + carry + update
    new = bf16(exact)
    return new, bf16(exact - new)
""",
    },
}

MUTANTS["bytes-check"] = {
    "wrong": {
        "without the master weight": "def bytes_for_each_weight():\n    return 12\n",
        "fp32 for all": "def bytes_for_each_weight():\n    return 20\n",
        "without the gradient": "def bytes_for_each_weight():\n    return 14\n",
        "in bits": "def bytes_for_each_weight():\n    return 8 * 16 / 2\n",
    },
    "right": {"computed": "def bytes_for_each_weight():\n    return 2 + 2 + 4 + 2 * 4\n"},
}

# 4. Where to put the checkpoints

PLACE = """
def place_checkpoints(sizes):
    sizes = [int(size) for size in sizes]
    n = len(sizes)
    total = np.concatenate([[0], np.cumsum(sizes)])

    def inside(start, end):
        return int(total[end] - total[start + 1])

    best, plan = float("inf"), [0]
    for most in sorted({inside(i, j) for i in range(n) for j in range(i + 1, n + 1)}):
        cost, origin = [0], [0]
        for end in range(1, n + 1):
            start = min((i for i in range(end) if inside(i, end) <= most), key=lambda i: cost[i] + sizes[i])
            cost.append(cost[start] + sizes[start])
            origin.append(start)
        if cost[n] + most < best:
            best, plan, end = cost[n] + most, [], n
            while end:
                end = origin[end]
                plan.insert(0, end)
    return plan
"""

EQUAL = "def place_checkpoints(sizes):\n    return equal_segments(sizes)\n"

# Greedy: a new segment whenever the bytes inside would pass a limit; the best limit.
GREEDY = """
def place_checkpoints(sizes):
    plans = [equal_segments(sizes)]
    for most in sorted({sum(sizes[i + 1:j]) for i in range(len(sizes)) for j in range(i + 1, len(sizes) + 1)}):
        plan, held = [0], 0
        for i in range(1, len(sizes)):
            if held + sizes[i] > most:
                plan.append(i)
                held = 0
            else:
                held += sizes[i]
        plans.append(plan)
    return min(plans, key=lambda plan: peak(sizes, plan))
"""

MUTANTS["place-check"] = {
    "wrong": {
        "every layer": "def place_checkpoints(sizes):\n    return list(range(len(sizes)))\n",
        "no checkpoint but the first": "def place_checkpoints(sizes):\n    return [0]\n",
        "always two": "def place_checkpoints(sizes):\n    return [0, len(sizes) // 2] if len(sizes) > 1 else [0]\n",
        "ends, not starts": PLACE.replace("return plan\n", "return plan[1:] + [n]\n"),
        "the square root of the number of layers": """
def place_checkpoints(sizes):
    return list(range(0, len(sizes), max(1, round(len(sizes) ** 0.5))))
""",
        "fitted to VGG-16": """
def place_checkpoints(sizes):
    return [start for start in (0, 2, 4) if start < len(sizes)]
""",
        "changes the list": PLACE.replace(
            "    n = len(sizes)\n", "    n = len(sizes)\n    given.pop()\n"
        ).replace("def place_checkpoints(sizes):\n", "def place_checkpoints(given):\n    sizes = given\n"),
        "in descending order": PLACE.replace("plan.insert(0, end)", "plan.append(end)"),
    },
    "right": {"equal segments": EQUAL, "greedy with the best limit": GREEDY},
}

MUTANTS["place-score"] = {
    "wrong": {
        "equal segments": EQUAL,
        "greedy with the best limit": GREEDY,
        "every layer": "def place_checkpoints(sizes):\n    return list(range(len(sizes)))\n",
        "fitted to the three networks": """
def place_checkpoints(sizes):
    known = {16: [0, 2, 4], 28: [0, 2, 4, 7, 12, 17], 21: [0, 3, 6, 9, 16]}
    return known.get(len(sizes), equal_segments(sizes))
""",
    },
    "right": {
        "fewest bytes from the right": """
def place_checkpoints(sizes):
    n, limits = len(sizes), set()
    for i in range(n):
        held = 0
        for j in range(i + 1, n + 1):
            limits.add(held)
            held += sizes[j] if j < n else 0
    found = []
    for limit in limits:
        best = {n: (0, [])}
        for start in range(n - 1, -1, -1):
            held, options = 0, []
            for end in range(start + 1, n + 1):
                if held > limit:
                    break
                options.append((best[end][0] + sizes[start], [start, *best[end][1]]))
                held += sizes[end] if end < n else 0
            best[start] = min(options)
        found.append((peak(sizes, best[0][1]), best[0][1]))
    return min(found)[1]
""",
    },
}
