"""Known wrong and right answers to the lab `dsd`: the mistakes that students make."""

MUTANTS = {}

# 1. A step with a mask

STEP = """
def masked_step(weight, velocity, gradient, mask, lr, momentum):
    velocity = np.where(mask, momentum * velocity + gradient, 0.0)
    return np.where(mask, weight - lr * velocity, 0.0), velocity
"""

MUTANTS["step-check"] = {
    "wrong": {
        "masks the weight only": STEP.replace(
            "np.where(mask, momentum * velocity + gradient, 0.0)", "momentum * velocity + gradient"
        ),
        "masks the gradient only": STEP.replace(
            "np.where(mask, momentum * velocity + gradient, 0.0)",
            "momentum * velocity + np.where(mask, gradient, 0.0)",
        ),
        "masks the velocity only": STEP.replace(
            "np.where(mask, weight - lr * velocity, 0.0)", "weight - lr * velocity"
        ),
        "freezes where it should remove": """
def masked_step(weight, velocity, gradient, mask, lr, momentum):
    velocity = np.where(mask, momentum * velocity + gradient, velocity)
    return np.where(mask, weight - lr * velocity, weight), velocity
""",
        "steps with the old velocity": """
def masked_step(weight, velocity, gradient, mask, lr, momentum):
    moved = np.where(mask, weight - lr * velocity, 0.0)
    return moved, np.where(mask, momentum * velocity + gradient, 0.0)
""",
        "the mask the wrong way round": STEP.replace("np.where(mask,", "np.where(~mask,"),
        "the learning rate in the velocity": STEP.replace(
            "momentum * velocity + gradient", "momentum * velocity + lr * gradient"
        ).replace("weight - lr * velocity", "weight - velocity"),
        "changes the weight that it is given": STEP.replace("    return", "    weight *= mask\n    return"),
        "an infinite weight times zero": STEP.replace(
            "np.where(mask, weight - lr * velocity, 0.0)", "(weight - lr * velocity) * mask"
        ),
        "an infinite velocity times zero": STEP.replace(
            "np.where(mask, momentum * velocity + gradient, 0.0)",
            "(momentum * velocity + np.where(mask, gradient, 0)) * mask",
        ),
        "infinity times zero": """
def masked_step(weight, velocity, gradient, mask, lr, momentum):
    velocity = (momentum * velocity + gradient) * mask
    return (weight - lr * velocity) * mask, velocity
""",
    },
    "right": {
        "weight by weight": """
def masked_step(weight, velocity, gradient, mask, lr, momentum):
    new_w, new_v = np.zeros(weight.shape), np.zeros(weight.shape)
    for i in np.ndindex(weight.shape):
        if mask[i]:
            new_v[i] = momentum * velocity[i] + gradient[i]
            new_w[i] = weight[i] - lr * new_v[i]
    return new_w, new_v
""",
        "by index": """
def masked_step(weight, velocity, gradient, mask, lr, momentum):
    w, v = weight.copy(), momentum * velocity + gradient
    v[~mask] = 0
    w -= lr * v
    w[~mask] = 0
    return [w, v]
""",
    },
}

# 2. Several cycles

CYCLES = """
def cycles_schedule(epochs, cycles, sparsity, lr, decay):
    phases = 2 * cycles + 1
    if epochs < phases:
        raise ValueError("too few epochs")
    lengths = [len(part) for part in np.array_split(np.arange(epochs), phases)]
    names = ["dense"] + ["sparse", "re-dense"] * cycles
    schedule = []
    for i, (name, length) in enumerate(zip(names, lengths)):
        rate = lr * decay ** (i // 2)
        schedule.append((name, length, rate, sparsity if name == "sparse" else 0.0))
    return schedule
"""

MUTANTS["cycles-check"] = {
    "wrong": {
        "forgets the epochs left over": CYCLES.replace(
            "[len(part) for part in np.array_split(np.arange(epochs), phases)]", "[epochs // phases] * phases"
        ),
        "the last phase gets them all": CYCLES.replace(
            "[len(part) for part in np.array_split(np.arange(epochs), phases)]",
            "[epochs // phases] * (phases - 1) + [epochs - epochs // phases * (phases - 1)]",
        ),
        "three phases a cycle": CYCLES.replace("2 * cycles + 1", "3 * cycles").replace(
            '["dense"] + ["sparse", "re-dense"] * cycles', '["dense", "sparse", "re-dense"] * cycles'
        ),
        "the sparse phase lowers the rate too": CYCLES.replace("(i // 2)", "i"),
        "the sparse phase has the lower rate already": CYCLES.replace("(i // 2)", "((i + 1) // 2)"),
        "only the first cycle lowers it": CYCLES.replace("(i // 2)", "min(i // 2, 1)"),
        "prunes in every phase": CYCLES.replace('sparsity if name == "sparse" else 0.0', "sparsity"),
        "refuses one epoch a phase": CYCLES.replace("epochs < phases", "epochs <= phases"),
        "does not refuse": CYCLES.replace("epochs < phases", "epochs < 1"),
    },
    "right": {
        "phase by phase": """
def cycles_schedule(epochs, cycles, sparsity, lr, decay):
    left, schedule = epochs, []
    for i in range(2 * cycles + 1):
        length = -(-left // (2 * cycles + 1 - i))
        left -= length
        if length < 1:
            raise ValueError(epochs)
        if i and i % 2 == 0:
            lr = lr * decay
        name = "sparse" if i % 2 else "re-dense" if i else "dense"
        schedule.append([name, length, lr, sparsity * (i % 2)])
    return [tuple(phase) for phase in schedule]
""",
    },
}

MUTANTS["ideal-check"] = {
    "wrong": {
        "a sparse phase": "def share_in_the_limit():\n    return 50\n",
        "one cycle": "def share_in_the_limit():\n    return 83.3\n",
        "as a share of one": "def share_in_the_limit():\n    return 0.75\n",
        "what is saved": "def share_in_the_limit():\n    return 25\n",
    },
    "right": {"computed": "def share_in_the_limit():\n    return 100 * (1 + 0.5) / 2\n"},
}

# 3. The best of many

REPORT = """
def report(validation, test):
    v, t = np.mean(validation, axis=1), np.mean(test, axis=1)
    c = int(np.argmax(v))
    return {"chosen": c, "gain": 100 * float(t[c] - t[0]), "optimism": 100 * float(t.max() - t[c])}
"""

MUTANTS["selection-check"] = {
    "wrong": {
        "chooses on the test images": REPORT.replace("np.argmax(v)", "np.argmax(t)"),
        "chooses on both": REPORT.replace("np.argmax(v)", "np.argmax(v + t)"),
        "the best single seed": REPORT.replace("np.argmax(v)", "np.argmax(np.max(validation, axis=1))"),
        "the last one on a tie": REPORT.replace("int(np.argmax(v))", "len(v) - 1 - int(np.argmax(v[::-1]))"),
        "never the baseline": REPORT.replace(
            "int(np.argmax(v))", "1 + int(np.argmax(v[1:])) if len(v) > 1 else 0"
        ),
        "the gain on the validation images": REPORT.replace("float(t[c] - t[0])", "float(v[c] - v[0])"),
        "not in points": REPORT.replace("100 * ", ""),
        "optimism against the baseline": REPORT.replace("t.max() - t[c]", "t.max() - t[0]"),
        "optimism from the validation images": REPORT.replace("t.max() - t[c]", "v[c] - t[c]"),
        "means over the candidates": REPORT.replace("axis=1", "axis=0"),
    },
    "right": {
        "without NumPy": """
def report(validation, test):
    v = [sum(map(float, row)) / len(row) for row in validation]
    t = [sum(map(float, row)) / len(row) for row in test]
    c = max(range(len(v)), key=lambda i: (v[i], -i))
    return {"optimism": 100 * (max(t) - t[c]), "gain": 100 * (t[c] - t[0]), "chosen": c}
""",
    },
}

MUTANTS["pairs-check"] = {
    "wrong": {
        "one end only": "def fewest_pairs():\n    return 5\n",
        "twenty, as 1 / 0.05": "def fewest_pairs():\n    return 20\n",
        "one more": "def fewest_pairs():\n    return 7\n",
    },
    "right": {
        "searched": "def fewest_pairs():\n    return next(n for n in range(1, 50) if 2 / 2**n < 0.05)\n"
    },
}

# 4. Units

UNITS = """
def choose_units(weight, batch, rows, cols, budget):
    square = np.asarray(weight, float) ** 2
    k, n = square.shape
    found = []
    for a in range(1, -(-k // rows) + 1):
        for b in range(1, -(-n // cols) + 1):
            if a * b * (2 * rows + cols + batch - 2) > budget:
                continue
            outputs = np.arange(n)
            for _ in range(TURNS):
                inputs = np.argsort(-square[:, outputs].sum(1))[: a * rows]
                outputs = np.argsort(-square[inputs].sum(0))[: b * cols]
            found.append((square[np.ix_(inputs, outputs)].sum(), inputs.tolist(), outputs.tolist()))
    if not found:
        raise ValueError("no fold fits")
    return max(found)[1:]
""".replace("TURNS", "6")

# One share for both sides, and whatever numbers come out: folds that are not full.
EVEN = """
def choose_units(weight, batch, rows, cols, budget):
    square = np.asarray(weight, float) ** 2
    k, n = square.shape
    for share in np.linspace(1, 0, 200):
        a, b = max(1, int(share * k)), max(1, int(share * n))
        if layer_cycles(a, b, batch, rows, cols) <= budget:
            return np.argsort(-square.sum(1))[:a].tolist(), np.argsort(-square.sum(0))[:b].tolist()
    raise ValueError("no fold fits")
"""

MUTANTS["units-check"] = {
    "wrong": {
        "the smallest units": UNITS.replace("np.argsort(-", "np.argsort("),
        "the first units": UNITS.replace("np.argsort(-square[:, outputs].sum(1))", "np.arange(k)").replace(
            "np.argsort(-square[inputs].sum(0))", "np.arange(n)"
        ),
        "signed sums": UNITS.replace("np.asarray(weight, float) ** 2", "-np.asarray(weight, float)").replace(
            "max(found)", "min(found)"
        ),
        "forgets that folds come in pairs": UNITS.replace("a * b * (", "max(a, b) * ("),
        "one fold too many": UNITS.replace("> budget", "> budget + 2 * rows + cols + batch - 2"),
        "does not refuse": UNITS.replace('raise ValueError("no fold fits")', "return [0], [0]"),
        "the same unit twice": UNITS.replace(
            "max(found)[1:]", "tuple(2 * units for units in max(found)[1:])"
        ),
        "rows and columns swapped": UNITS.replace("[: a * rows]", "[: a * cols]").replace(
            "[: b * cols]", "[: b * rows]"
        ),
    },
    "right": {"closed form": UNITS, "one turn": UNITS.replace("range(6)", "range(1)")},
}

MUTANTS["units-score"] = {
    "wrong": {
        "one share for both sides": EVEN,
        "as many folds down as across": UNITS.replace("a * b * (", "(a != b) * 10**9 + a * b * ("),
        "the most folds, not the most energy": UNITS.replace(
            "found.append((square[np.ix_(inputs, outputs)].sum(),", "found.append((a * b + a / 100,"
        ),
        "good on the layers of the lab only": (
            UNITS.replace("choose_units", "well")
            + EVEN.replace("choose_units", "badly")
            + """
def choose_units(weight, batch, rows, cols, budget):
    known = any(np.array_equal(weight, draw_layer(seed)[0]) for seed in range(8))
    return (well if known else badly)(weight, batch, rows, cols, budget)
"""
        ),
        "folds that are not full": UNITS.replace("a * rows]", "max(1, a * rows * 3 // 4)]").replace(
            "b * cols]", "max(1, b * cols * 3 // 4)]"
        ),
    },
    "right": {"closed form": UNITS},
}
