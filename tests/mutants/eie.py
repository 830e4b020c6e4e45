"""Known wrong and right answers to the lab `eie`: the mistakes that students make."""

MUTANTS = {}

# 1. What the memory reads

READS = """
def line_reads(pointers, columns, per_line):
    reads, held = 0, -1
    for column in columns:
        start, stop = pointers[column], pointers[column + 1]
        if start == stop:
            continue
        first, last = start // per_line, (stop - 1) // per_line
        reads += last - first + 1 - (first == held)
        held = last
    return int(reads)
"""

MUTANTS["reads-check"] = {
    "wrong": {
        "reads the held line again": READS.replace(" - (first == held)", ""),
        "entries over the width, rounded up": READS.replace(
            "last - first + 1 - (first == held)", "-(-(stop - start) // per_line)"
        ),
        "end of the column on the next line": READS.replace("(stop - 1) // per_line", "stop // per_line"),
        "all columns": READS.replace("for column in columns:", "for column in range(len(pointers) - 1):"),
        "an empty column clears the buffer": READS.replace(
            "            continue\n", "            held = -1\n            continue\n"
        ),
        "an empty column reads its line": READS.replace(
            "        if start == stop:\n            continue\n", ""
        ),
        "fails when no column is visited": READS.replace(
            "    reads, held = 0, -1\n", "    reads, held = 0, -1 - columns[0]\n"
        ),
        "always takes one off": READS.replace("(first == held)", "1").replace(
            "return int(reads)", "return int(reads) + 1"
        ),
        "for lines of eight": READS.replace("// per_line", "// 8"),
        "fitted to the example": "def line_reads(pointers, columns, per_line):\n    return 3\n",
    },
    "right": {
        "the lines that are visited, each once": """
def line_reads(pointers, columns, per_line):
    lines = set()
    for j in columns:
        lines |= {e // per_line for e in range(int(pointers[j]), int(pointers[j + 1]))}
    return len(lines)
""",
        "with NumPy": """
def line_reads(pointers, columns, per_line):
    start, stop = pointers[columns], pointers[np.asarray(columns, int) + 1]
    some = stop > start
    first, last = start[some] // per_line, (stop[some] - 1) // per_line
    again = (first[1:] == last[:-1]).sum() if some.any() else 0
    return int((last - first + 1).sum() - again)
""",
    },
}

MUTANTS["share-check"] = {
    "wrong": {
        "a read for each column": "def reads_per_column():\n    return 1\n",
        "the other way round": "def reads_per_column():\n    return 1.6\n",
        "no line is held": "def reads_per_column():\n    return 1.5\n",
        "rounded": "def reads_per_column():\n    return 0.6\n",
    },
    "right": {"computed": "def reads_per_column():\n    return 5 / 8\n"},
}

# 2. Deal the rows out

DEAL = """
def deal_rows(work, pes):
    rows = len(work)
    room = [len(range(pe, rows, pes)) for pe in range(pes)]
    total, dealt = [0.0] * pes, [[] for _ in range(pes)]
    for row in np.argsort(-np.asarray(work, float), kind="stable"):
        pe = min((p for p in range(pes) if len(dealt[p]) < room[p]), key=lambda p: total[p])
        dealt[pe].append(int(row))
        total[pe] += work[row]
    return np.array([dealt[place % pes][place // pes] for place in range(rows)])
"""

MUTANTS["deal-check"] = {
    "wrong": {
        "from the shortest": DEAL.replace(
            "argsort(-np.asarray(work, float)", "argsort(np.asarray(work, float)"
        ),
        "sorted, dealt in turn": """
def deal_rows(work, pes):
    return np.argsort(-np.asarray(work, float), kind="stable")
""",
        "back and forth": """
def deal_rows(work, pes):
    order = np.argsort(-np.asarray(work, float), kind="stable")
    turns = [order[i : i + pes] for i in range(0, len(order), pes)]
    return np.concatenate([turn[:: -1 if i % 2 else 1] for i, turn in enumerate(turns)])
""",
        "as it was": "def deal_rows(work, pes):\n    return np.arange(len(work))\n",
        "in the order of the rows": DEAL.replace(
            'np.argsort(-np.asarray(work, float), kind="stable")', "range(rows)"
        ),
        "the rows of a PE stand together": DEAL.replace(
            "np.array([dealt[place % pes][place // pes] for place in range(rows)])",
            "np.array([row for one in dealt for row in one])",
        ),
        "the place of each row": DEAL.replace(
            "return np.array([dealt[place % pes][place // pes] for place in range(rows)])",
            "return np.argsort([dealt[place % pes][place // pes] for place in range(rows)])",
        ),
        "rows divide evenly": DEAL.replace("len(range(pe, rows, pes)) for pe", "max(1, rows // pes) for pe"),
    },
    "right": {
        "with a heap": """
def deal_rows(work, pes):
    import heapq

    rows = len(work)
    heap = [(0.0, pe) for pe in range(min(pes, rows))]
    dealt = [[] for _ in heap]
    for row in sorted(range(rows), key=lambda row: -work[row]):
        total, pe = heapq.heappop(heap)
        dealt[pe].append(row)
        if pe + len(dealt[pe]) * pes < rows:
            heapq.heappush(heap, (total + float(work[row]), pe))
    order = np.empty(rows, int)
    for pe, own in enumerate(dealt):
        order[pe::pes] = own
    return order
""",
        "the rule, then exchanges": DEAL.replace(
            "    return np.array([dealt[place % pes][place // pes] for place in range(rows)])",
            """    for _ in range(50):
        high, low = int(np.argmax(total)), int(np.argmin(total))
        pairs = [(a, b) for a in dealt[high] for b in dealt[low] if 0 < work[a] - work[b] < total[high] - total[low]]
        if not pairs:
            break
        half = (total[high] - total[low]) / 2
        a, b = min(pairs, key=lambda pair: abs(work[pair[0]] - work[pair[1]] - half))
        dealt[high][dealt[high].index(a)], dealt[low][dealt[low].index(b)] = b, a
        total[high] -= work[a] - work[b]
        total[low] += work[a] - work[b]
    return np.array([dealt[place % pes][place // pes] for place in range(rows)])""",
        ),
    },
}

MUTANTS["same-check"] = {
    "wrong": {
        "nothing": 'def what_else():\n    return "nothing"\n',
        "the inputs": 'def what_else():\n    return "inputs of this layer"\n',
        "the biases alone": 'def what_else():\n    return "biases of this layer only"\n',
    },
    "right": {
        "in brackets": 'def what_else():\n    return ("biases of this layer " "and columns of the next")\n'
    },
}

# 3. A layer planned for the machine

ORDER = """
    rows = len(weight)
    work = largest(weight, count).sum(1)
    room = [len(range(pe, rows, pes)) for pe in range(pes)]
    total, dealt = [0] * pes, [[] for _ in range(pes)]
    for row in np.argsort(-work, kind="stable"):
        pe = min((p for p in range(pes) if len(dealt[p]) < room[p]), key=lambda p: total[p])
        dealt[pe].append(int(row))
        total[pe] += work[row]
    order = np.array([dealt[place % pes][place // pes] for place in range(rows)])
"""
MASK = """
    enough = floor * energy(weight, largest(weight, count))
    for columns in (1, 2, 3, 4, 6, 8, 16, 32, None):
        mask = spread(weight, count, pes, columns)
        if energy(weight, mask) >= enough:
            return order, mask
    return order, largest(weight, count)
"""
PLAN = "def plan_layer(weight, count, floor, pes):" + ORDER + "    weight = weight[order]" + MASK

MUTANTS["plan-check"] = {
    "wrong": {
        "as it was": """
def plan_layer(weight, count, floor, pes):
    return np.arange(len(weight)), largest(weight, count)
""",
        "the mask of the rows as they were": PLAN.replace("weight = weight[order]", "pass"),
        "balanced, whatever is lost": PLAN.replace("floor * energy", "0 * energy"),
        "for sixteen PEs": PLAN.replace("(pe, rows, pes)", "(pe, rows, 16)")
        .replace("range(pes)", "range(16)")
        .replace("place % pes][place // pes]", "place % 16][place // 16]")
        .replace("count, pes, columns", "count, 16, columns"),
        "rounded down to whole turns": PLAN.replace(
            "spread(weight, count, pes", "spread(weight, count // pes * pes, pes"
        ),
        "sorted rows, largest weights": """
def plan_layer(weight, count, floor, pes):
    order = np.argsort(-largest(weight, count).sum(1), kind="stable")
    return order, largest(weight[order], count)
""",
        "sorts what it is given": PLAN.replace("weight = weight[order]", "weight[:] = weight[order]"),
    },
    "right": {
        "the order alone": PLAN.replace("(1, 2, 3, 4, 6, 8, 16, 32, None)", "()"),
        "the mask alone": "def plan_layer(weight, count, floor, pes):\n    order = np.arange(len(weight))"
        + MASK,
    },
}

MUTANTS["plan-score"] = {
    "wrong": {
        "the order alone": PLAN.replace("(1, 2, 3, 4, 6, 8, 16, 32, None)", "()"),
        "the mask alone": "def plan_layer(weight, count, floor, pes):\n    order = np.arange(len(weight))"
        + MASK,
        "the order, and a mask balanced by PE": PLAN.replace("(1, 2, 3, 4, 6, 8, 16, 32, None)", "(None,)"),
        "balanced by PE": """
def plan_layer(weight, count, floor, pes):
    return np.arange(len(weight)), spread(weight, count, pes)
""",
        "fitted to the seeds of the check": PLAN.replace(
            "    rows = len(weight)\n",
            "    rows = len(weight)\n    if not any(np.array_equal(weight, draw_layer(128, 96, s)[0]) for s in range(4)):\n"
            "        return np.arange(rows), largest(weight, count)\n",
        ),
    },
    "right": {
        "a price for each place in a PE's column": "def plan_layer(weight, count, floor, pes):"
        + ORDER
        + """    weight = weight[order]
    pe, column = np.divmod(np.arange(weight.size), weight.shape[1])
    cell = (pe % pes) * weight.shape[1] + column
    place = np.empty(weight.size)
    by_size = np.lexsort((-abs(weight).ravel(), cell))
    starts = np.flatnonzero(np.diff(cell[by_size], prepend=-1))
    place[by_size] = np.arange(weight.size) - np.repeat(starts, np.diff(np.append(starts, weight.size)))
    best = largest(weight, count)
    enough = floor * energy(weight, best)
    for price in np.arange(0, 3, 0.05):
        mask = largest((np.log(abs(weight)) - price * place.reshape(weight.shape) - 100), weight.size - count)
        if energy(weight, ~mask) < enough:
            break
        best = ~mask
    return order, best
""",
        "the fewest cycles on random activations": "def plan_layer(weight, count, floor, pes):"
        + ORDER
        + """    weight = weight[order]
    best = largest(weight, count)
    enough = floor * energy(weight, best)
    rng = np.random.default_rng(0)
    seen = np.maximum(rng.normal(size=(3, weight.shape[1])), 0)
    masks = [best, *(spread(weight, count, pes, columns) for columns in (1, 2, 4, 8))]
    masks = [mask for mask in masks if energy(weight, mask) >= enough]
    return order, min(masks, key=lambda mask: cycles(weight * mask, seen, pes))
""",
    },
}
