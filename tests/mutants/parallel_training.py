"""Known wrong and right answers to the lab `parallel_training`: the mistakes that students make."""

MUTANTS = {}

# 1. The optimizer, shared out

SHARDED = """
def sharded_step(weights, gradients, velocities, lr, momentum):
    workers, n = gradients.shape
    edges = [n * j // workers for j in range(workers + 1)]
    length = [edges[j + 1] - edges[j] for j in range(workers)]
    new, kept, sent = weights.copy(), [], []
    for i in range(workers):
        j = (i + 1) % workers
        part = slice(edges[j], edges[j + 1])
        velocity = momentum * velocities[i] + gradients[:, part].sum(0)
        new[part] = weights[part] - lr * velocity
        kept.append(velocity)
        reduce = sum(length[(i - s) % workers] for s in range(workers - 1))
        gather = sum(length[(i + 1 - s) % workers] for s in range(workers - 1))
        sent.append(reduce + gather)
    return {"weights": new, "velocities": kept, "sent": sent}
"""

MUTANTS["sharded-check"] = {
    "wrong": {
        "mean, not sum": SHARDED.replace(".sum(0)", ".mean(0)"),
        "part i, not i + 1": SHARDED.replace("j = (i + 1) % workers", "j = i").replace(
            "momentum * velocities[i]", "momentum * velocities[i - 1]"
        ),
        "the worker's own gradient only": SHARDED.replace("gradients[:, part].sum(0)", "gradients[i, part]"),
        "without the old velocity": SHARDED.replace("momentum * velocities[i] + ", ""),
        "the velocity is not kept": SHARDED.replace("kept.append(velocity)", "kept.append(velocities[i])"),
        "one half of the ring only": SHARDED.replace("reduce + gather", "reduce"),
        "parts of equal length": SHARDED.replace("reduce + gather", "2 * (workers - 1) * (n // workers)"),
        "the same parts in both halves": SHARDED.replace("length[(i + 1 - s)", "length[(i - s)"),
        "one round too many": SHARDED.replace("range(workers - 1)", "range(workers)"),
        "equal parts, the last gets the rest": SHARDED.replace(
            "[n * j // workers for j in range(workers + 1)]",
            "[n // workers * j for j in range(workers)] + [n]",
        ),
        "changes the weights": SHARDED.replace("weights.copy()", "weights"),
        "changes the velocities": SHARDED.replace(
            "velocity = momentum * velocities[i] +",
            "velocity = velocities[i]; velocity *= momentum; velocity +=",
        ),
        "for three workers only": SHARDED.replace(
            "sent.append(reduce + gather)", "sent.append([6, 7, 7][i % 3])"
        ),
    },
    "right": {
        "the whole velocity, then cut": """
def sharded_step(weights, gradients, velocities, lr, momentum):
    p, n = gradients.shape
    edges = np.arange(p + 1) * n // p
    old = np.zeros(n)
    for i, v in enumerate(velocities):
        old[edges[(i + 1) % p]:edges[(i + 1) % p + 1]] = v
    new = momentum * old + np.einsum("wn->n", gradients)
    parts = np.split(new, edges[1:-1])
    lengths = np.diff(edges)
    sent = [0] if p == 1 else [int(2 * n - lengths[(i + 1) % p] - lengths[(i + 2) % p]) for i in range(p)]
    return {"weights": weights - lr * new, "velocities": [parts[(i + 1) % p] for i in range(p)], "sent": sent}
""",
        "message by message": """
def sharded_step(weights, gradients, velocities, lr, momentum):
    p, n = gradients.shape
    part = lambda j: slice(n * (j % p) // p, n * (j % p + 1) // p)
    held, sent = gradients.copy(), np.zeros(p, int)
    for s in range(p - 1):
        before = held.copy()
        for i in range(p):
            held[(i + 1) % p, part(i - s)] += before[i, part(i - s)]
            sent[i] += before[i, part(i - s)].size
    kept = [momentum * velocities[i] + held[i, part(i + 1)] for i in range(p)]
    copies = np.repeat(weights[None], p, 0)
    for i in range(p):
        copies[i, part(i + 1)] -= lr * kept[i]
    for s in range(p - 1):
        before = copies.copy()
        for i in range(p):
            copies[(i + 1) % p, part(i + 1 - s)] = before[i, part(i + 1 - s)]
            sent[i] += before[i, part(i + 1 - s)].size
    return {"weights": copies[0], "velocities": kept, "sent": sent}
""",
    },
}

# 2. A cluster whose links are not alike

CLUSTER = """
def cluster_rounds(nodes, per_node, elements):
    everyone = [divmod(w, per_node) for w in range(nodes * per_node)]
    edges = [elements * part // per_node for part in range(per_node + 1)]
    rounds = []
    for step in range(per_node - 1):
        rounds.append([])
        for node, i in everyone:
            part = (i - step) % per_node
            target = node * per_node + (i + 1) % per_node
            rounds[-1].append((node * per_node + i, target, edges[part], edges[part + 1], True))
    owned = [(edges[(i + 1) % per_node], edges[(i + 1) % per_node + 1]) for _, i in everyone]
    distance = nodes // 2
    while distance:
        rounds.append([])
        for w, (node, i) in enumerate(everyone):
            start, stop = owned[w]
            middle = (start + stop) // 2
            low, high = (start, middle), (middle, stop)
            owned[w], given = (low, high) if node & distance == 0 else (high, low)
            rounds[-1].append((w, (node ^ distance) * per_node + i, *given, True))
        distance //= 2
    back = [[(t, s, start, stop, False) for s, t, start, stop, _ in batch] for batch in reversed(rounds)]
    return rounds + back
"""

TORUS = """
def cluster_rounds(nodes, per_node, elements):
    return [[tuple(message) for message in batch] for batch in hwsim.Torus(nodes, per_node).schedule(elements)]
"""

# Halving over all workers, if their number is a power of two: the first partner decides where the large messages go.
GLOBAL = """
def cluster_rounds(nodes, per_node, elements):
    workers = nodes * per_node
    if workers & (workers - 1):
        return [[tuple(m) for m in batch] for batch in hwsim.Torus(nodes, per_node).schedule(elements)]
    owned, rounds = [(0, elements)] * workers, []
    for distance in DISTANCES:
        batch = []
        for w in range(workers):
            start, stop = owned[w]
            middle = (start + stop) // 2
            keep, give = ((start, middle), (middle, stop)) if not w & distance else ((middle, stop), (start, middle))
            owned[w] = keep
            batch.append((w, w ^ distance, *give, True))
        rounds.append(batch)
    return rounds + [[(t, s, a, b, False) for s, t, a, b, _ in batch] for batch in rounds[::-1]]
"""
NEAR_FIRST = "[2**k for k in range(workers.bit_length() - 1)]"
FAR_FIRST = NEAR_FIRST + "[::-1]"

# Every array whole: to the node's first worker, then between these, then back.
LEADERS = """
def cluster_rounds(nodes, per_node, elements):
    rounds, reach = [], 1
    while reach < per_node:
        rounds.append([
            (n * per_node + i + reach, n * per_node + i, 0, elements, True)
            for n in range(nodes) for i in range(0, per_node - reach, 2 * reach)
        ])
        reach *= 2
    reach = 1
    while reach < nodes:
        rounds.append([
            ((n + reach) * per_node, n * per_node, 0, elements, True) for n in range(0, nodes - reach, 2 * reach)
        ])
        reach *= 2
    return rounds + [[(t, s, a, b, False) for s, t, a, b, _ in batch] for batch in rounds[::-1]]
"""

MUTANTS["cluster-check"] = {
    "wrong": {
        "the chapter's ring": TORUS.replace("hwsim.Torus(nodes, per_node)", "hwsim.Ring(nodes * per_node)"),
        "a parameter server in worker 0": """
def cluster_rounds(nodes, per_node, elements):
    others = range(1, nodes * per_node)
    there = [(w, 0, 0, elements, True) for w in others]
    return [there, [(0, w, 0, elements, False) for w in others]]
""",
        "adds up only": CLUSTER.replace("return rounds + back", "return rounds"),
        "adds on the way back": CLUSTER.replace("start, stop, False)", "start, stop, True)"),
        "back in the same order": CLUSTER.replace("in reversed(rounds)", "in rounds"),
        "not turned around": CLUSTER.replace("[(t, s, start", "[(s, t, start"),
        "no sum inside the nodes": CLUSTER.replace("range(per_node - 1)", "range(0)"),
        "no sum between the nodes": CLUSTER.replace("distance = nodes // 2", "distance = 0"),
        "both keep the lower half": CLUSTER.replace(
            "if node & distance == 0 else (high, low)", "if True else 0"
        ),
        "loses the odd element": CLUSTER.replace(
            "(start, middle), (middle, stop)", "(start, middle), (middle, 2 * middle - start)"
        ),
        "needs a multiple of the workers": CLUSTER.replace(
            "elements * part // per_node", "elements // per_node * part"
        ),
        "for four workers in a node only": CLUSTER.replace("(i - step) % per_node", "(i - step) % 4").replace(
            "elements * part // per_node for part in range(per_node + 1)",
            "elements * part // 4 for part in range(max(5, per_node + 1))",
        ),
    },
    "right": {
        "the torus": TORUS,
        "halving over all workers, near ones first": GLOBAL.replace("DISTANCES", NEAR_FIRST),
        "whole arrays through the first worker of each node": LEADERS,
    },
}

MUTANTS["cluster-score"] = {
    "wrong": {
        "fitted to the visible lengths": CLUSTER.replace(
            "    everyone",
            "    if elements not in (256, 4096, 65_536):\n"
            "        return [[tuple(m) for m in batch] for batch in hwsim.Torus(nodes, per_node).schedule(elements)]\n"
            "    everyone",
            1,
        ),
        "the torus": TORUS,
        "halving over all workers, far ones first": GLOBAL.replace("DISTANCES", FAR_FIRST),
        "whole arrays through the first worker of each node": LEADERS,
        "the chapter's ring": TORUS.replace("hwsim.Torus(nodes, per_node)", "hwsim.Ring(nodes * per_node)"),
    },
    "right": {"halving over all workers, near ones first": GLOBAL.replace("DISTANCES", NEAR_FIRST)},
}

MUTANTS["crossing-check"] = {
    "wrong": {
        "without the last one": "def crossing_messages():\n    return 7\n",
        "all of them": "def crossing_messages():\n    return 32\n",
        "those inside": "def crossing_messages():\n    return 24\n",
        "one for each worker of a node": "def crossing_messages():\n    return 4\n",
    },
    "right": {
        "counted": "def crossing_messages():\n    return sum(w // 4 != (w + 1) % 32 // 4 for w in range(32))\n"
    },
}

# 3. One halo for several layers

TILE = """
def run_tile(region, kernels, above, below, before, after):
    halo, products = sum(len(kernel) // 2 for kernel in kernels), 0
    values = np.array(region)
    for kernel in kernels:
        values = correlate(np.pad(values, len(kernel) // 2), kernel)
        halo -= len(kernel) // 2
        rows = slice(max(0, above - halo), values.shape[0] - max(0, below - halo))
        columns = slice(max(0, before - halo), values.shape[1] - max(0, after - halo))
        values = values[rows, columns]
        above, below, before, after = (min(side, halo) for side in (above, below, before, after))
        products += values.size * kernel.size
    return values, products
"""

# Padded once to the whole halo; INSIDE marks the image.
PADDED = """
def run_tile(region, kernels, above, below, before, after):
    halo, products = sum(len(k) // 2 for k in kernels), 0
    frame = (halo - above, halo - below), (halo - before, halo - after)
    values, inside = np.pad(region, frame), np.pad(np.ones(region.shape), frame)
    for k in kernels:
        r = len(k) // 2
        values = correlate(values, k)
        inside = inside[r:inside.shape[0] - r, r:inside.shape[1] - r]
        values = values * inside
        products += int(inside.sum()) * len(k) ** 2
    return values, products
"""

MUTANTS["tile-check"] = {
    "wrong": {
        "pads with zeros at the beginning only": PADDED.replace("values = values * inside", "pass"),
        "a halo of the first layer only": TILE.replace(
            "sum(len(kernel) // 2 for kernel in kernels), 0",
            "sum(len(kernel) // 2 for kernel in kernels[:1]), 0",
        ),
        "each layer padded, cut at the end": """
def run_tile(region, kernels, above, below, before, after):
    values, products = region, 0
    for k in kernels:
        values = correlate(np.pad(values, len(k) // 2), k)
        products += values.size * k.size
    return values[above:len(values) - below, before:values.shape[1] - after], products
""",
        "no halo: the tile alone": """
def run_tile(region, kernels, above, below, before, after):
    values = region[above:len(region) - below, before:region.shape[1] - after]
    return whole(values, kernels), sum(values.size * k.size for k in kernels)
""",
        "counts the tile only": TILE.replace(
            "return values, products", "return values, sum(values.size * k.size for k in kernels)"
        ),
        "counts what lies outside of the image": PADDED.replace("int(inside.sum())", "inside.size"),
        "counts outputs": TILE.replace("values.size * kernel.size", "values.size"),
        "counts k, not k * k": TILE.replace("values.size * kernel.size", "values.size * len(kernel)"),
        "flips the kernels": TILE.replace("kernel)\n        halo", "kernel[::-1, ::-1])\n        halo"),
        "layers in reverse": TILE.replace("for kernel in kernels:\n", "for kernel in kernels[::-1]:\n"),
        "rows and columns mixed up": TILE.replace("above - halo", "before - halo", 1),
        "needs three layers": TILE.replace(
            "halo, products = sum(len(kernel) // 2 for kernel in kernels), 0",
            "halo, products = sum(len(kernels[i]) // 2 for i in (0, 1, 1)), 0",
        ),
        "changes the region": TILE.replace(
            "values = np.array(region)", "region *= 1.5; values = region / 1.5"
        ),
    },
    "right": {
        "padded, and zero outside of the image": PADDED,
        "from the sizes of the whole": """
def run_tile(region, kernels, above, below, before, after):
    height, width = region.shape[0] - above - below, region.shape[1] - before - after
    sides, products, values = [above, below, before, after], 0, region
    for layer, k in enumerate(kernels):
        r = k.shape[0] // 2
        later = sum(j.shape[0] // 2 for j in kernels[layer + 1:])
        keep = [min(side, later) for side in sides]
        # Pad only where the image ends before the halo of this layer does.
        pad = [max(0, n + r - side) for side, n in zip(sides, keep)]
        drop = [max(0, side - n - r) for side, n in zip(sides, keep)]
        values = values[drop[0]:values.shape[0] - drop[1], drop[2]:values.shape[1] - drop[3]]
        values = correlate(np.pad(values, (pad[:2], pad[2:])), k)
        sides = keep
        products += (height + keep[0] + keep[1]) * (width + keep[2] + keep[3]) * k.shape[0] ** 2
    return values, np.int64(products)
""",
    },
}

# 4. How stale is too stale

MUTANTS["stale-check"] = {
    "wrong": {
        "as if fresh": "def largest_rate(curvatures, staleness):\n    return 2 / max(curvatures)\n",
        "divided by the delay": "def largest_rate(curvatures, staleness):\n    return 2 / (staleness + 1) / max(curvatures)\n",
        "the small-angle form": """
def largest_rate(curvatures, staleness):
    if staleness < 6:
        return 2 * np.sin(np.pi / (2 * (2 * staleness + 1))) / max(curvatures)
    return np.pi / (2 * staleness) / max(curvatures)
""",
        "the flattest direction": """
def largest_rate(curvatures, staleness):
    return 2 * np.sin(np.pi / (2 * (2 * staleness + 1))) / min(curvatures)
""",
        "the sum of the curvatures": """
def largest_rate(curvatures, staleness):
    return 2 * np.sin(np.pi / (2 * (2 * staleness + 1))) / sum(curvatures)
""",
        "a curvature of 2": """
def largest_rate(curvatures, staleness):
    return np.sin(np.pi / (2 * (2 * staleness + 1))) if len(curvatures) == 1 else 0.5
""",
        "one update off": """
def largest_rate(curvatures, staleness):
    return 2 * np.sin(np.pi / (2 * (2 * staleness + 3))) / max(curvatures)
""",
    },
    "right": {
        "by halving an interval": """
def largest_rate(curvatures, staleness):
    low, high = 0.0, 2.0
    for _ in range(50):
        rate = (low + high) / 2
        coefficients = [1.0] + [0.0] * staleness + [rate]
        coefficients[1] -= 1
        if max(abs(np.roots(coefficients))) < 1:
            low = rate
        else:
            high = rate
    return low / np.max(curvatures)
""",
        "a cosine": """
def largest_rate(curvatures, staleness):
    return 2 * np.cos(staleness * np.pi / (2 * staleness + 1)) / np.max(curvatures)
""",
    },
}

MUTANTS["workers-check"] = {
    "wrong": {
        "the number of workers": "def rate_falls_by():\n    return 21\n",
        "the staleness": "def rate_falls_by():\n    return 20\n",
        "the small angle, one off": "def rate_falls_by():\n    return 4 * 21 / np.pi\n",
        "the border itself": "def rate_falls_by():\n    return 2 / (2 * np.sin(np.pi / 82)) * 2\n",
    },
    "right": {
        "computed": "def rate_falls_by():\n    return 1 / np.sin(np.pi / 82)\n",
        "two digits": "def rate_falls_by():\n    return 26\n",
    },
}
