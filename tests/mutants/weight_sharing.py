"""Known wrong and right answers to the lab `weight_sharing`: the mistakes that students make."""

MUTANTS = {}

# 1. K-means with importances

WEIGHTED = """
def weighted_step(weights, importance, centroids):
    code = abs(weights[:, None] - centroids).argmin(1)
    total = np.bincount(code, importance, len(centroids))
    moved = np.bincount(code, importance * weights, len(centroids))
    return np.where(total > 0, moved / np.where(total > 0, total, 1), centroids)
"""

MUTANTS["weighted-check"] = {
    "wrong": {
        "the plain mean": WEIGHTED.replace("    total", "    importance = np.ones_like(weights)\n    total"),
        "an empty cluster becomes zero": WEIGHTED.replace("1), centroids)", "1), 0.0)"),
        "an empty cluster divides by zero": WEIGHTED.replace(
            "np.where(total > 0, moved / np.where(total > 0, total, 1), centroids)", "moved / total"
        ),
        "the upper centroid on a tie": WEIGHTED.replace(
            "abs(weights[:, None] - centroids).argmin(1)",
            "len(centroids) - 1 - abs(weights[:, None] - centroids[::-1]).argmin(1)",
        ),
        "divides by the number of weights": WEIGHTED.replace(
            "moved / np.where(total > 0, total, 1)",
            "moved / np.maximum(np.bincount(code, None, len(centroids)), 1)",
        ),
        "importance squared": WEIGHTED.replace("    total", "    importance = importance**2\n    total", 1),
        "importance decides the cluster": WEIGHTED.replace(
            "abs(weights[:, None] - centroids)", "abs(importance[:, None] * weights[:, None] - centroids)"
        ),
        "drops the empty clusters": WEIGHTED.replace(
            "np.where(total > 0, moved / np.where(total > 0, total, 1), centroids)",
            "moved[total > 0] / total[total > 0]",
        ),
        "moves the centroids that it is given": WEIGHTED.replace(
            "    return",
            "    centroids[total > 0] = (moved / np.where(total > 0, total, 1))[total > 0]\n    return",
        ),
        "only three centroids": WEIGHTED.replace("len(centroids))", "3)")
        .replace(".argmin(1)", ".argmin(1).clip(0, 2)")
        .replace("centroids)\n", "centroids[:3])\n"),
    },
    "right": {
        "cluster by cluster": """
def weighted_step(weights, importance, centroids):
    new = []
    code = np.argmin((weights[None, :] - centroids[:, None]) ** 2, axis=0)
    for i, c in enumerate(centroids):
        h, w = importance[code == i], weights[code == i]
        new.append(np.average(w, weights=h) if h.sum() > 0 else c)
    return np.array(new, float)
""",
        "with lists": """
def weighted_step(weights, importance, centroids):
    top, bottom = [0.0] * len(centroids), [0.0] * len(centroids)
    for w, h in zip(weights, importance):
        i = min(range(len(centroids)), key=lambda i: (abs(w - centroids[i]), i))
        top[i] += h * w
        bottom[i] += h
    return np.array([t / b if b else c for t, b, c in zip(top, bottom, centroids)])
""",
    },
}

# 2. The best codebook

BEST = """
def best_codebook(weights, k):
    ordered = np.sort(np.asarray(weights, float))
    n = len(ordered)
    sums = np.concatenate([[0], ordered.cumsum()])
    squares = np.concatenate([[0], (ordered**2).cumsum()])
    i, j = np.arange(n + 1)[:, None], np.arange(n + 1)[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        error = squares[j] - squares[i] - (sums[j] - sums[i]) ** 2 / (j - i)
    error = np.where(i < j, error, np.inf)
    cost, starts = error[0], []
    for _ in range(k - 1):
        candidates = cost[:, None] + error
        starts.append(candidates.argmin(0))
        cost = candidates.min(0)
    cuts = [n]
    for start in reversed(starts):
        cuts.insert(0, int(start[cuts[0]]))
    return np.array([ordered[a:b].mean() for a, b in itertools.pairwise([0, *cuts])])
"""
LLOYD = """
def best_codebook(weights, k):
    best, least = None, np.inf
    for init in INITS:
        for seed in range(TRIES):
            found = kmeans(torch.from_numpy(np.asarray(weights, float)), k, init, seed)[0].numpy()
            if squared_error(weights, found) < least:
                best, least = found, squared_error(weights, found)
    return best
"""

MUTANTS["best-check"] = {
    "wrong": {
        "k-means, linear": LLOYD.replace("INITS", '["linear"]').replace("TRIES", "1"),
        "k-means, density": LLOYD.replace("INITS", '["density"]').replace("TRIES", "1"),
        "the better of two k-means": LLOYD.replace("INITS", '["linear", "density"]').replace("TRIES", "1"),
        "clusters of equal size": """
def best_codebook(weights, k):
    return np.array([part.mean() for part in np.array_split(np.sort(weights), k)])
""",
        "cuts at the widest gaps": """
def best_codebook(weights, k):
    ordered = np.sort(weights)
    cuts = np.sort(np.argsort(-np.diff(ordered), kind="stable")[: k - 1]) + 1
    return np.array([part.mean() for part in np.split(ordered, cuts)])
""",
        "does not sort": BEST.replace("np.sort(np.asarray(weights, float))", "np.asarray(weights, float)"),
        "sorts the weights that it is given": BEST.replace(
            "    ordered = np.sort(np.asarray(weights, float))",
            "    weights.sort()\n    ordered = weights.astype(float)",
        ),
        "one cluster too few": BEST.replace("range(k - 1)", "range(max(k - 2, 0))").replace(
            "    return", "    cuts = [0] * 0 + cuts\n    return"
        ),
        "the middle of the range, not the mean": BEST.replace(
            "ordered[a:b].mean()", "(ordered[a] + ordered[b - 1]) / 2"
        ),
        "error without the square of the sum": BEST.replace(
            "(sums[j] - sums[i]) ** 2 / (j - i)", "(sums[j] - sums[i]) / (j - i)"
        ),
        "the last cluster first": BEST.replace("np.array([", "np.array([")[:-1].replace(
            "pairwise([0, *cuts])])", "pairwise([0, *cuts])])[::-1]"
        )
        + "\n",
    },
    "right": {
        "recursive, with a memory": """
def best_codebook(weights, k):
    import functools
    import sys

    sys.setrecursionlimit(10_000)
    ordered = sorted(float(w) for w in weights)
    sums, squares = [0.0], [0.0]
    for w in ordered:
        sums.append(sums[-1] + w)
        squares.append(squares[-1] + w * w)

    @functools.cache
    def solve(m, j):
        if m == 1:
            return squares[j] - sums[j] ** 2 / j, 0
        return min(
            (solve(m - 1, i)[0] + squares[j] - squares[i] - (sums[j] - sums[i]) ** 2 / (j - i), i)
            for i in range(m - 1, j)
        )

    values, j = [], len(ordered)
    for m in range(k, 0, -1):
        i = solve(m, j)[1]
        values.append((sums[j] - sums[i]) / (j - i))
        j = i
    return np.array(values[::-1])
""",
        "loops over the table": """
def best_codebook(weights, k):
    ordered = np.sort(weights).astype(float)
    n = len(ordered)
    table = {(0, 0): (0.0, [])}
    for m in range(1, k + 1):
        for j in range(m, n + 1):
            options = []
            total = square = 0.0
            for i in range(j - 1, m - 2, -1):
                total, square = total + ordered[i], square + ordered[i] ** 2
                if (m - 1, i) in table:
                    cost, values = table[m - 1, i]
                    options.append((cost + square - total**2 / (j - i), [*values, total / (j - i)]))
            table[m, j] = min(options, key=lambda option: option[0])
    return np.array(table[k, n][1])
""",
    },
}

MUTANTS["rate-check"] = {
    "wrong": {
        "codebook of 32 bits": "def rate_of_layer():\n    return 1200 * 32 / (1200 * 4 + 16 * 32)\n",
        "no codebook": "def rate_of_layer():\n    return 8.0\n",
        "codes of 16 bits": "def rate_of_layer():\n    return 1200 * 32 / (1200 * 16 + 16 * 4)\n",
        "weights of 16 bits": "def rate_of_layer():\n    return 1200 * 16 / (1200 * 4 + 16 * 16)\n",
    },
    "right": {"in bytes": "def rate_of_layer():\n    return 4800 / (600 + 32)\n"},
}

# 3. Centroids from the outputs

FIT = """
def fit_codebook(codes, k, inputs, outputs):
    sums = np.stack([inputs @ (codes == code).T for code in range(k)], axis=-1)
    return np.linalg.lstsq(sums.reshape(-1, k), outputs.ravel(), rcond=None)[0]
"""

MUTANTS["outputs-check"] = {
    "wrong": {
        "the zeros get a value": FIT.replace("range(k)", "range(k + 1)")
        .replace("-1, k)", "-1, k + 1)")
        .replace("[0]\n", "[0][:k]\n"),
        "outputs in the other order": FIT.replace("outputs.ravel()", "outputs.T.ravel()"),
        "the mean over each code of a layer without sharing": """
def fit_codebook(codes, k, inputs, outputs):
    weight = np.linalg.lstsq(inputs, outputs, rcond=None)[0].T
    return np.array([weight[codes == c].mean() if (codes == c).any() else 0.0 for c in range(k)])
""",
        "row by row, then the mean": """
def fit_codebook(codes, k, inputs, outputs):
    total, count = np.zeros(k), np.zeros(k)
    for i, row in enumerate(codes):
        sums = np.stack([inputs @ (row == c) for c in range(k)], axis=-1)
        total += np.linalg.lstsq(sums, outputs[:, i], rcond=None)[0]
        count += [(row == c).any() for c in range(k)]
    return total / np.maximum(count, 1)
""",
        "the normal equations, singular for a code that no weight has": """
def fit_codebook(codes, k, inputs, outputs):
    sums = np.stack([inputs @ (codes == code).T for code in range(k)], axis=-1).reshape(-1, k)
    square = sums.T @ sums
    if abs(np.linalg.det(square)) < 1e-12:
        return np.full(k, np.nan)
    return np.linalg.solve(square, sums.T @ outputs.ravel())
""",
        "inputs counted, not summed": FIT.replace(
            "inputs @ (codes == code).T", "np.ones_like(inputs) @ (codes == code).T"
        ),
        "the first example only": FIT.replace(
            "    sums", "    inputs, outputs = inputs[:1], outputs[:1]\n    sums", 1
        ),
        "the mean of the outputs": """
def fit_codebook(codes, k, inputs, outputs):
    sums = np.stack([inputs.mean(0) @ (codes == code).T for code in range(k)], axis=-1)
    return np.linalg.lstsq(sums, outputs.mean(0), rcond=None)[0]
""",
        "each code alone": """
def fit_codebook(codes, k, inputs, outputs):
    sums = np.stack([inputs @ (codes == code).T for code in range(k)], axis=-1).reshape(-1, k)
    square = (sums**2).sum(0)
    return (sums.T @ outputs.ravel()) / np.where(square > 0, square, 1)
""",
        "centers the inputs that it is given": FIT.replace(
            "    sums", "    inputs -= 0 * inputs + 1e-3\n    sums", 1
        ),
    },
    "right": {
        "with the pseudo-inverse": """
def fit_codebook(codes, k, inputs, outputs):
    onehot = (codes[..., None] == np.arange(k)).astype(float)
    sums = np.einsum("ej,rjk->erk", inputs, onehot).reshape(-1, k)
    return np.linalg.pinv(sums) @ outputs.ravel()
""",
        "normal equations of the used codes": """
def fit_codebook(codes, k, inputs, outputs):
    used = [c for c in range(k) if (codes == c).any()]
    square, right = np.zeros((len(used), len(used))), np.zeros(len(used))
    for x, y in zip(inputs, outputs):
        a = np.array([[x[row == c].sum() for c in used] for row in codes]).reshape(len(codes), len(used))
        square += a.T @ a
        right += a.T @ y
    result = np.zeros(k)
    result[used] = np.linalg.lstsq(square, right, rcond=None)[0]
    return result
""",
    },
}

MUTANTS["line-check"] = {
    "wrong": {
        "entries that are not whole": "def entries_a_line():\n    return 2.5\n",
        "without the gap": "def entries_a_line():\n    return 4.0\n",
        "the other way round": "def entries_a_line():\n    return 3 / 8\n",
        "entries, not their ratio": "def entries_a_line():\n    return 8\n",
    },
    "right": {"rounded down": "def entries_a_line():\n    return (64 // 8) / (64 // 20)\n"},
}

# 4. Bits for a memory

PLAN = """
def choose_bits(layers, budget):
    options = []
    for weight in layers.values():
        sizes = {b: min((stored_bytes(weight, i, b), i) for i in INDEX_BITS) for b in CODE_BITS}
        options.append([(*sizes[b], b, shared_error(weight, b)) for b in CODE_BITS])
    fitting = [c for c in itertools.product(*options) if sum(size for size, *_ in c) <= budget]
    best = min(fitting, key=lambda c: sum(error for *_, error in c))
    return {name: (index, bits) for name, (_, index, bits, _) in zip(layers, best, strict=True)}
"""
UNIFORM = """
def choose_bits(layers, budget):
    return uniform_plan(layers, budget)
"""
ONE_WIDTH = """
def choose_bits(layers, budget):
    best = None
    for b in CODE_BITS:
        plan = {n: min((stored_bytes(w, i, b), i, b) for i in INDEX_BITS)[1:] for n, w in layers.items()}
        if plan_bytes(layers, plan) <= budget:
            best = plan
    return best
"""
FOUR_BIT_GAPS = PLAN.replace("for i in INDEX_BITS)", "for i in [4])")

MUTANTS["plan-check"] = {
    "wrong": {
        "the uniform plan": UNIFORM,
        "everything as wide as it goes": "def choose_bits(layers, budget):\n    return dict.fromkeys(layers, (5, 8))\n",
        "over the budget by a little": PLAN.replace("<= budget", "<= 1.05 * budget"),
        "gaps and codes exchanged": PLAN.replace("(index, bits) for", "(bits, index) for"),
        "the least bytes, not the least error": PLAN.replace(
            "sum(error for *_, error in c)", "sum(size for size, *_ in c)"
        ),
        "for the budget that is shown": PLAN.replace("    options = []", "    options, budget = [], 5500"),
        "prunes the layers that it is given": PLAN.replace(
            "    fitting", "    for w in layers.values():\n        w[abs(w) < 1e-3] = 0\n    fitting"
        ),
    },
    "right": {
        "every plan, by a table": """
def choose_bits(layers, budget):
    reached = {0: (0.0, {})}
    for name, w in layers.items():
        size = {b: min((stored_bytes(w, i, b), i) for i in INDEX_BITS) for b in CODE_BITS}
        error = {b: shared_error(w, b) for b in CODE_BITS}
        found = {}
        for used, (loss, plan) in reached.items():
            for b in CODE_BITS:
                now = used + size[b][0]
                if now <= budget and (now not in found or loss + error[b] < found[now][0]):
                    found[now] = loss + error[b], {**plan, name: (size[b][1], b)}
        reached = found
    return min(reached.values(), key=lambda entry: entry[0])[1]
""",
    },
}

MUTANTS["plan-score"] = {
    "wrong": {
        "the uniform plan": UNIFORM,
        "one width for all codes": ONE_WIDTH,
        "gaps of 4 bits in all layers": FOUR_BIT_GAPS,
        "no budget": PLAN.replace("<= budget", "<= 10**9"),
        "fitted to the layers that are shown": PLAN.replace(
            "    options = []",
            "    if budget not in (5000, 5600, 6200):\n        return uniform_plan(layers, budget)\n    options = []",
        ),
    },
    "right": {
        "starting from the widest codes": PLAN.replace(
            "itertools.product(*options)", "itertools.product(*[o[::-1] for o in options])"
        )
    },
}
