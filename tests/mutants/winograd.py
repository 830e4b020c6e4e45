"""Known wrong and right answers to the lab `winograd`: the mistakes that students make."""

MUTANTS = {}

# 1. A transform without infinity

DERIVE = """
def derive(m, r, points):
    values = [Fraction(point) for point in points]
    b_t = []
    for i, one in enumerate(values):
        row = [Fraction(1)]
        for j, other in enumerate(values):
            if j != i:
                up, down = [Fraction(0), *row], [other * c for c in row] + [Fraction(0)]
                row = [(a - b) / (one - other) for a, b in zip(up, down)]
        b_t.append([str(c) for c in row])
    a_t = [[str(value**power) for value in values] for power in range(m)]
    g = [[str(value**power) for power in range(r)] for value in values]
    return {"a_t": a_t, "g": g, "b_t": b_t}
"""

MUTANTS["derive-check"] = {
    "wrong": {
        "the polynomials are not divided": DERIVE.replace(" / (one - other)", ""),
        "divided with the wrong sign": DERIVE.replace("/ (one - other)", "/ (other - one)"),
        "highest power first": DERIVE.replace("for c in row])", "for c in reversed(row)])"),
        "the inverse is not transposed": DERIVE.replace(
            'return {"a_t": a_t, "g": g, "b_t": b_t}',
            'return {"a_t": a_t, "g": g, "b_t": [list(row) for row in zip(*b_t)]}',
        ),
        "with the point at infinity": """
def derive(m, r, points):
    a_t, g, b_t = transforms(m, r, points[:-1])
    return {name: [[str(x) for x in row] for row in matrix] for name, matrix in (("a_t", a_t), ("g", g), ("b_t", b_t))}
""",
        "always the first whole numbers": DERIVE.replace(
            "Fraction(point) for point in points",
            "Fraction(p) for p in [0, 1, -1, 2, -2, 3, -3, 4][: len(points)]",
        ),
        "decimal fractions": DERIVE.replace("str(c) for c in row", "str(float(c)) for c in row"),
        "rounded to three digits": DERIVE.replace("str(c) for c in row", "str(round(c, 3)) for c in row"),
        "powers from one on": DERIVE.replace(
            "value**power) for power in range(r)", "value ** (power + 1)) for power in range(r)"
        ),
        "a_t and g exchanged": DERIVE.replace("range(m)]", "range(r)]").replace(
            "for power in range(r)] for value", "for power in range(m)] for value"
        ),
        "only for two outputs": DERIVE.replace("range(m)]", "range(2)]"),
    },
    "right": {
        "divisors in g": """
def derive(m, r, points):
    values = [Fraction(point) for point in points]
    g, b_t = [], []
    for one in values:
        row, divisor = [Fraction(1)], Fraction(1)
        for other in values:
            if other != one:
                row = [a - other * b for a, b in zip([Fraction(0)] + row, row + [Fraction(0)])]
                divisor *= one - other
        b_t.append([str(c) for c in row])
        g.append([str(one**power / divisor) for power in range(r)])
    return {"a_t": [[str(v**p) for v in values] for p in range(m)], "g": g, "b_t": b_t}
""",
        "by elimination": """
def derive(m, r, points):
    values = [Fraction(point) for point in points]
    n = len(values)
    rows = [[v**p for v in values] + [Fraction(int(p == q)) for q in range(n)] for p in range(n)]
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(n):
            if k != i:
                rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i])]
    b_t = [[str(x) for x in row[n:]] for row in rows]
    return {
        "a_t": [[str(v**p) for v in values] for p in range(m)],
        "g": [[str(v**p) for p in range(r)] for v in values],
        "b_t": b_t,
    }
""",
    },
}

MUTANTS["five-check"] = {
    "wrong": {
        "that of three by three": "def five_by_five():\n    return 2.25\n",
        "in one dimension": "def five_by_five():\n    return 10 / 6\n",
        "tiles of five inputs": "def five_by_five():\n    return 100 / 25\n",
        "the other way round": "def five_by_five():\n    return 36 / 100\n",
    },
    "right": {"rounded": "def five_by_five():\n    return 2.78\n"},
}

# 2. Rectangular tiles

TILES = """
def convolve(image, kernel, vertical, horizontal, padding):
    (a1, g1, b1), (a2, g2, b2) = vertical, horizontal
    (m1, n1), (m2, n2) = a1.shape, a2.shape
    high, wide = (s + 2 * p - k + 1 for s, p, k in zip(image.shape, padding, kernel.shape))
    rows, columns = ceil(high / m1), ceil(wide / m2)
    padded = np.zeros((rows * m1 + n1 + 2 * padding[0], columns * m2 + n2 + 2 * padding[1]))
    padded[padding[0] : padding[0] + image.shape[0], padding[1] : padding[1] + image.shape[1]] = image
    points = g1 @ kernel @ g2.T
    output = np.zeros((rows * m1, columns * m2))
    for i in range(rows):
        for j in range(columns):
            tile = padded[i * m1 : i * m1 + n1, j * m2 : j * m2 + n2]
            output[i * m1 : i * m1 + m1, j * m2 : j * m2 + m2] = a1 @ (points * (b1 @ tile @ b2.T)) @ a2.T
    return output[:high, :wide]
"""

MUTANTS["tiles-check"] = {
    "wrong": {
        "a direct convolution": """
def convolve(image, kernel, vertical, horizontal, padding):
    return direct(image, kernel, padding)
""",
        "both transforms on both sides": TILES.replace(
            "a1 @ (points * (b1 @ tile @ b2.T)) @ a2.T", "a2 @ (points * (b2 @ tile @ b1.T)) @ a1.T"
        ),
        "not cropped": TILES.replace("return output[:high, :wide]", "return output"),
        "last tiles left out": TILES.replace(
            "rows, columns = ceil(high / m1), ceil(wide / m2)", "rows, columns = high // m1, wide // m2"
        ),
        "the kernel turned around": TILES.replace("g1 @ kernel @ g2.T", "g1 @ kernel[::-1, ::-1] @ g2.T"),
        "b not transposed on the right": TILES.replace("b1 @ tile @ b2.T", "b1 @ tile @ b2"),
        "the paddings exchanged": TILES.replace(
            "    (a1, g1, b1), (a2, g2, b2)", "    padding = padding[::-1]\n    (a1, g1, b1), (a2, g2, b2)"
        ),
        "padded on one side only": TILES.replace(
            "padding[0] : padding[0] + image.shape[0], padding[1] : padding[1] + image.shape[1]",
            ": image.shape[0], : image.shape[1]",
        ),
        "flips the image that it is given": TILES.replace(
            "    points = g1", "    image[:] = image[::-1].copy()\n    points = g1"
        ),
        "tiles do not overlap": TILES.replace(
            "tile = padded[i * m1 : i * m1 + n1, j * m2 : j * m2 + n2]",
            "tile = np.zeros((n1, n2))\n"
            "            part = padded[i * n1 : i * n1 + n1, j * n2 : j * n2 + n2]\n"
            "            tile[: part.shape[0], : part.shape[1]] = part",
        ),
    },
    "right": {
        "all tiles at once": """
def convolve(image, kernel, vertical, horizontal, padding):
    (a1, g1, b1), (a2, g2, b2) = vertical, horizontal
    (m1, n1), (m2, n2) = a1.shape, a2.shape
    high = image.shape[0] + 2 * padding[0] - kernel.shape[0] + 1
    wide = image.shape[1] + 2 * padding[1] - kernel.shape[1] + 1
    more = (-high % m1, -wide % m2)
    padded = np.pad(image, [(p, p + extra) for p, extra in zip(padding, more)])
    tiles = np.lib.stride_tricks.sliding_window_view(padded, (n1, n2))[::m1, ::m2]
    result = a1 @ ((g1 @ kernel @ g2.T) * (b1 @ tiles @ b2.T)) @ a2.T
    joined = result.transpose(0, 2, 1, 3).reshape(result.shape[0] * m1, -1)
    return joined[:high, :wide]
""",
        "with einsum": TILES.replace(
            "a1 @ (points * (b1 @ tile @ b2.T)) @ a2.T",
            "np.einsum('pi,qj,ij,is,jt,st->pq', a1, a2, points, b1, b2, tile, optimize=True)",
        ),
    },
}

# 3. Cover without waste

COVER = """
def cover(height, width, r, sizes):
    def side(length):
        best = [(0, [])]
        for left in range(1, length + 1):
            options = [(best[max(0, left - m)], m) for m in sizes]
            best.append(min(((cost + m + r - 1, [*tiles, m]) for (cost, tiles), m in options), key=lambda o: o[0]))
        return best[length]

    (down, rows), (across, columns) = side(height), side(width)
    return {"rows": rows, "columns": columns, "products": down * across}
"""

MUTANTS["cover-check"] = {
    "wrong": {
        "one size for each side": """
def cover(height, width, r, sizes):
    def side(length):
        return min(((ceil(length / m) * (m + r - 1), [m] * ceil(length / m)) for m in sizes), key=lambda o: o[0])

    (down, rows), (across, columns) = side(height), side(width)
    return {"rows": rows, "columns": columns, "products": down * across}
""",
        "the largest first": """
def cover(height, width, r, sizes):
    def side(length):
        tiles = []
        while length > 0:
            fitting = [m for m in sizes if m <= length]
            tiles.append(max(fitting) if fitting else min(sizes))
            length -= tiles[-1]
        return sum(m + r - 1 for m in tiles), tiles

    (down, rows), (across, columns) = side(height), side(width)
    return {"rows": rows, "columns": columns, "products": down * across}
""",
        "the fewest tiles": COVER.replace("key=lambda o: o[0]", "key=lambda o: len(o[1])"),
        "the least that sticks out": COVER.replace("key=lambda o: o[0]", "key=lambda o: (sum(o[1]), o[0])"),
        "covers too little": COVER.replace("return best[length]", "return best[max(1, length - 1)]"),
        "the sums added, not multiplied": COVER.replace("down * across", "down + across"),
        "the direct products": COVER.replace("down * across", "height * width * r * r"),
        "the kernel is 3 x 3": COVER.replace("    def side", "    r = 3\n\n    def side"),
        "the same tiles for both sides": COVER.replace(
            "side(height), side(width)", "side(height), side(height)"
        ),
        "sizes in order only": COVER.replace("for m in sizes]", "for m in sizes if m >= sizes[0]]"),
        "no tile larger than what is left": COVER.replace(
            "options = [(best[max(0, left - m)], m) for m in sizes]",
            "options = [(best[left - m], m) for m in sizes if m <= left] or [(best[0], max(sizes))]",
        ),
    },
    "right": {
        "recursively": """
def cover(height, width, r, sizes):
    known = {}

    def side(length):
        if length <= 0:
            return 0, []
        if length not in known:
            found = []
            for m in sizes:
                cost, tiles = side(length - m)
                found.append((cost + m + r - 1, [m] + tiles))
            known[length] = min(found)
        return known[length]

    (down, rows), (across, columns) = side(height), side(width)
    return {"rows": rows, "columns": columns, "products": down * across}
""",
        "trying the counts": """
def cover(height, width, r, sizes):
    def side(length):
        best = None
        for counts in product(*(range(ceil(length / m) + 1) for m in sizes)):
            if sum(c * m for c, m in zip(counts, sizes)) >= length:
                cost = sum(c * (m + r - 1) for c, m in zip(counts, sizes))
                if best is None or cost < best[0]:
                    best = cost, [m for c, m in zip(counts, sizes) for _ in range(c)]
        return best

    (down, rows), (across, columns) = side(height), side(width)
    return {"rows": rows, "columns": columns, "products": down * across}
""",
    },
}

MUTANTS["bits-check"] = {
    "wrong": {
        "as in two dimensions": "def bits_needed():\n    return 15\n",
        "rounded down": "def bits_needed():\n    return 11\n",
        "only what is added": "def bits_needed():\n    return 4\n",
        "times ten": "def bits_needed():\n    return 18\n",
    },
    "right": {"computed": "def bits_needed():\n    return 8 + int(np.ceil(np.log2(10)))\n"},
}

# 4. A tile for each layer

CHOOSE = """
def choose_tiles(cycles, error, limit):
    states = [(0.0, 0.0, [])]
    for costs, errors in zip(cycles, error):
        extended = [
            (spent + c, lost + e, [*columns, i])
            for spent, lost, columns in states
            for i, (c, e) in enumerate(zip(costs, errors))
            if lost + e <= limit
        ]
        states, least = [], float("inf")
        for state in sorted(extended, key=lambda s: s[:2]):
            if state[1] < least:
                states.append(state)
                least = state[1]
    if not states:
        raise ValueError("no choice stays within the limit")
    return states[0][2]
"""
SINGLE = """
def choose_tiles(cycles, error, limit):
    within = [c for c in range(cycles.shape[1]) if error[:, c].sum() <= limit]
    if not within:
        raise ValueError("no choice stays within the limit")
    return [min(within, key=lambda c: cycles[:, c].sum())] * len(cycles)
"""
GREEDY = """
def choose_tiles(cycles, error, limit):
    places, chosen = np.arange(len(cycles)), error.argmin(1)
    if error[places, chosen].sum() > limit:
        raise ValueError("no choice stays within the limit")
    while True:
        left, best = limit - error[places, chosen].sum(), None
        for i in places:
            for c in range(cycles.shape[1]):
                saved = cycles[i, chosen[i]] - cycles[i, c]
                price = error[i, c] - error[i, chosen[i]]
                if saved > 0 and price <= left and (best is None or RANK > best[0]):
                    best = RANK, i, c
        if best is None:
            return [int(c) for c in chosen]
        chosen[best[1]] = best[2]
"""
BY_SAVING = GREEDY.replace("RANK", "saved")
BY_PRICE = GREEDY.replace("RANK", "saved / max(price, 1e-12)")
FIRST_FAST = """
def choose_tiles(cycles, error, limit):
    least, chosen, spent = error.min(1), [], 0.0
    if least.sum() > limit:
        raise ValueError("no choice stays within the limit")
    for i in range(len(cycles)):
        rest = least[i + 1 :].sum()
        within = [c for c in range(cycles.shape[1]) if spent + error[i, c] + rest <= limit]
        chosen.append(min(within, key=lambda c: cycles[i, c]))
        spent += error[i, chosen[-1]]
    return chosen
"""
ALL_FAST = """
def choose_tiles(cycles, error, limit):
    return [int(c) for c in cycles.argmin(1)]
"""

MUTANTS["choose-check"] = {
    "wrong": {
        "the fastest, whatever the error": ALL_FAST,
        "the most exact": """
def choose_tiles(cycles, error, limit):
    if error.min(1).sum() > limit:
        raise ValueError("no choice stays within the limit")
    return [int(c) for c in error.argmin(1)]
""",
        "one tile for all": SINGLE,
        "each layer within the limit": """
def choose_tiles(cycles, error, limit):
    if error.min(1).sum() > limit:
        raise ValueError("no choice stays within the limit")
    chosen = []
    for costs, errors in zip(cycles, error):
        chosen.append(min((c for c in range(len(costs)) if errors[c] <= limit), key=lambda c: costs[c]))
    return chosen
""",
        "the tiles, not the columns": CHOOSE.replace(
            "return states[0][2]", "return [TILES[c] for c in states[0][2]]"
        ),
        "cycles and error exchanged": CHOOSE.replace(
            "for costs, errors in zip(cycles, error)", "for errors, costs in zip(cycles, error)"
        ),
        "None where nothing fits": CHOOSE.replace(
            'raise ValueError("no choice stays within the limit")', "return None"
        ),
        "the last layer left out": CHOOSE.replace("zip(cycles, error):", "zip(cycles[:-1], error[:-1]):"),
        "changes the table that it is given": CHOOSE.replace(
            "    states = [(0.0", "    cycles *= 1.5\n    states = [(0.0"
        ),
    },
    "right": {
        "exact, as arrays": """
def choose_tiles(cycles, error, limit):
    totals, paths = np.zeros((1, 2)), np.zeros((1, 0), int)
    for costs, errors in zip(cycles, error):
        count = len(costs)
        columns = np.tile(np.arange(count), len(totals))
        paths = np.column_stack([np.repeat(paths, count, axis=0), columns])
        totals = np.repeat(totals, count, axis=0) + np.column_stack([costs, errors])[columns]
        keep = totals[:, 1] <= limit
        totals, paths = totals[keep], paths[keep]
        order = np.lexsort((totals[:, 1], totals[:, 0]))
        totals, paths = totals[order], paths[order]
        before = np.concatenate([[np.inf], np.minimum.accumulate(totals[:, 1])[:-1]]) if len(totals) else []
        keep = totals[:, 1] < before
        totals, paths = totals[keep], paths[keep]
    if not len(paths):
        raise ValueError("the limit is too low")
    return [int(c) for c in paths[0]]
""",
    },
}

MUTANTS["choose-score"] = {
    "wrong": {
        "one tile for all": SINGLE,
        "layer after layer, as fast as is left": FIRST_FAST,
        "most cycles first": BY_SAVING,
        "most cycles for each unit of error first": BY_PRICE,
        "the fastest, whatever the error": ALL_FAST,
    },
    "right": {
        "branch and bound": """
def choose_tiles(cycles, error, limit):
    count = len(cycles)
    fastest = np.append(cycles.min(1)[::-1].cumsum()[::-1], 0)
    exact = np.append(error.min(1)[::-1].cumsum()[::-1], 0)
    states = {(0.0, 0.0): []}
    for i in range(count):
        following = {}
        for (spent, lost), columns in states.items():
            for c in range(cycles.shape[1]):
                if lost + error[i, c] + exact[i + 1] <= limit * (1 + 1e-12):
                    following[spent + cycles[i, c], lost + error[i, c]] = columns + [c]
        states, least = {}, np.inf
        for key in sorted(following):
            if key[1] < least:
                states[key], least = following[key], key[1]
    if not states:
        raise ValueError("the limit is too low")
    return states[min(states)]
""",
    },
}
