"""Known wrong and right answers to the lab `deep_compression`: the mistakes that students make."""

MUTANTS = {}

# 1. Reading canonical codes

READ = """
def read_symbols(stream, lengths, count):
    lengths = np.asarray(lengths, int)
    bits, place, read = np.unpackbits(np.asarray(stream, np.uint8)).tolist(), 0, []
    for _ in range(count):
        value = first = 0
        for length in range(1, lengths.max() + 1):
            if place == len(bits):
                raise ValueError("the stream ends")
            value, place = 2 * value + bits[place], place + 1
            symbols = np.flatnonzero(lengths == length)
            if value - first < len(symbols):
                read.append(int(symbols[value - first]))
                break
            first = 2 * (first + len(symbols))
    return np.array(read, int)
"""

MUTANTS["read-check"] = {
    "wrong": {
        "the lowest bit first": READ.replace("np.uint8)).tolist()", 'np.uint8), bitorder="little").tolist()'),
        "symbols that do not occur have a code of no bits": READ.replace(
            "value = first = 0", "value, first = 0, 2 * int((lengths == 0).sum())"
        ),
        "first codes are not doubled": READ.replace("2 * (first + len(symbols))", "2 * first + len(symbols)"),
        "at most 7 bits": READ.replace("range(1, lengths.max() + 1)", "range(1, 8)"),
        "stops in silence where the stream ends": READ.replace(
            'raise ValueError("the stream ends")', "return np.array(read, int)"
        ),
        "zeros behind the end": READ.replace('raise ValueError("the stream ends")', "bits = bits + [0] * 16"),
        "all that the stream holds": READ.replace(
            "    for _ in range(count):", "    while place < len(bits):"
        ).replace('raise ValueError("the stream ends")', "return np.array(read, int)"),
        "one symbol too few": READ.replace("range(count)", "range(count - 1)"),
        "the last symbol of a length first": READ.replace(
            "symbols[value - first]", "symbols[first - value - 1]"
        ),
        "code and symbol are the same": READ.replace("int(symbols[value - first])", "value - first"),
        "fitted to the example": READ.replace(
            "lengths = np.asarray(lengths, int)", "lengths = np.array([2, 1, 3, 3])"
        ),
    },
    "right": {
        "with a dictionary of codes": """
def read_symbols(stream, lengths, count):
    codes, code = {}, 0
    for length in range(1, 16):
        for symbol, bits in enumerate(lengths):
            if bits == length:
                codes[format(code, f"0{length}b")] = symbol
                code += 1
        code *= 2
    text, word, read = "".join(f"{byte:08b}" for byte in stream.tolist()), "", []
    for bit in text:
        if len(read) == count:
            break
        word += bit
        if word in codes:
            read.append(codes[word])
            word = ""
    if len(read) < count:
        raise ValueError(f"only {len(read)} symbols")
    return np.array(read, int)
""",
        "with a tree": """
def read_symbols(stream, lengths, count):
    order = sorted((int(n), s) for s, n in enumerate(lengths) if n)
    tree, code, last = {}, 0, order[0][0]
    for n, symbol in order:
        code <<= n - last
        last, node = n, tree
        for place in range(n - 1, 0, -1):
            node = node.setdefault(code >> place & 1, {})
        node[code & 1] = symbol
        code += 1
    bits = iter(np.unpackbits(stream).tolist())
    read = np.zeros(count, int)
    for i in range(count):
        node = tree
        while isinstance(node, dict):
            bit = next(bits, None)
            if bit is None:
                raise ValueError("the stream is too short")
            node = node[bit]
        read[i] = node
    return read
""",
    },
}

# 2. Rice codes

RICE = """
def rice_encode(gaps, r):
    bits = []
    for gap in np.asarray(gaps).tolist():
        bits += [1] * (gap >> r) + [0]
        bits += [gap >> place & 1 for place in range(r - 1, -1, -1)]
    return np.packbits(np.array(bits, np.uint8))
"""

MUTANTS["rice-check"] = {
    "wrong": {
        "zeros and a one": RICE.replace("[1] * (gap >> r) + [0]", "[0] * (gap >> r) + [1]"),
        "the rest first": """
def rice_encode(gaps, r):
    bits = []
    for gap in np.asarray(gaps).tolist():
        bits += [gap >> place & 1 for place in range(r - 1, -1, -1)]
        bits += [1] * (gap >> r) + [0]
    return np.packbits(np.array(bits, np.uint8))
""",
        "the lowest bit of the rest first": RICE.replace("range(r - 1, -1, -1)", "range(r)"),
        "no zero behind the ones": RICE.replace(" + [0]", ""),
        "the last byte is filled up with ones": RICE.replace(
            "    return", "    bits += [1] * (-len(bits) % 8)\n    return"
        ),
        "the last byte is left out": RICE.replace(
            "    return", "    bits = bits[: len(bits) // 8 * 8]\n    return"
        ),
        "no rest when it is zero": RICE.replace(
            "bits += [gap >> place", "bits += [] if gap % 2**r == 0 else [gap >> place"
        ),
        "gaps of at most 8 bits": RICE.replace(
            "np.asarray(gaps).tolist()", "np.asarray(gaps).astype(np.uint8).tolist()"
        ),
        "two bits of rest": RICE.replace("    bits = []", "    bits, r = [], 2"),
        "always one bit of rest at least": RICE.replace("    bits = []", "    bits, r = [], max(r, 1)"),
        "each code in bytes of its own": """
def rice_encode(gaps, r):
    parts = [np.zeros(0, np.uint8)]
    for gap in np.asarray(gaps).tolist():
        bits = [1] * (gap >> r) + [0] + [gap >> place & 1 for place in range(r - 1, -1, -1)]
        parts.append(np.packbits(np.array(bits, np.uint8)))
    return np.concatenate(parts)
""",
    },
    "right": {
        "as text": """
def rice_encode(gaps, r):
    text = ""
    for gap in gaps:
        quotient, rest = divmod(int(gap), 2**r)
        text += "1" * quotient + "0"
        if r:
            text += format(rest, f"0{r}b")
    text += "0" * (-len(text) % 8)
    return np.array([int(text[i : i + 8], 2) for i in range(0, len(text), 8)], np.uint8)
""",
        "with places counted at once": """
def rice_encode(gaps, r):
    gaps = np.asarray(gaps, int)
    size = (gaps >> r) + 1 + r
    ends = np.cumsum(size)
    bits = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    for start, end, gap in zip(ends - size, ends, gaps):
        bits[start : end - r - 1] = 1
        for place in range(r):
            bits[end - 1 - place] = gap >> place & 1
    return np.packbits(bits)
""",
    },
}

MUTANTS["bits-check"] = {
    "wrong": {
        "no tables": "def bytes_of_layer():\n    return (8 * 32 + 640) / 8\n",
        "no codebook": "def bytes_of_layer():\n    return (4 * 40 + 640) / 8\n",
        "in bits": "def bytes_of_layer():\n    return 8 * 32 + 4 * 40 + 640\n",
        "tables of whole bytes": "def bytes_of_layer():\n    return 32 + 40 + 80\n",
        "codes without gaps": "def bytes_of_layer():\n    return (8 * 32 + 4 * 40 + 260) / 8\n",
    },
    "right": {"in bytes": "def bytes_of_layer():\n    return 32 + 20 + 80\n"},
}

# 3. A file that may be damaged

FILE = """
def read_file(file):
    content = bytes(file)
    if len(content) < 9 or content[:4] != b"TINY":
        raise ValueError("no such file")
    body, place, tensors = content[:-4], 5, {}
    if struct.unpack("<I", content[-4:])[0] != zlib.crc32(body):
        raise ValueError("damaged")

    def take(size):
        nonlocal place
        if place + size > len(body):
            raise ValueError("too short")
        place += size
        return body[place - size : place]

    for _ in range(body[4]):
        name = take(take(1)[0]).decode()
        rows, columns, size = struct.unpack("<HHI", take(8))
        if size != 4 * rows * columns:
            raise ValueError("sizes")
        tensors[name] = np.frombuffer(take(size), "<f4").astype(np.float32).reshape(rows, columns)
    if place != len(body):
        raise ValueError("too long")
    return tensors
"""
CRC = """    if struct.unpack("<I", content[-4:])[0] != zlib.crc32(body):
        raise ValueError("damaged")
"""
SIZES = """        if size != 4 * rows * columns:
            raise ValueError("sizes")
"""

MUTANTS["file-check"] = {
    "wrong": {
        "rows and columns exchanged": FILE.replace(
            "rows, columns, size = struct", "columns, rows, size = struct"
        ),
        "no checksum": FILE.replace(CRC, ""),
        "the first word is not looked at": FILE.replace(' or content[:4] != b"TINY"', ""),
        "bytes too many are not noticed": FILE.replace('raise ValueError("too long")', "pass"),
        "returns what it has where the file ends": FILE.replace(
            "    for _ in range(body[4]):",
            "    for _ in range(body[4]):\n        if place == len(body):\n            break",
        ),
        "reads as many numbers as the shape says": FILE.replace(SIZES, "").replace(
            'np.frombuffer(take(size), "<f4")', 'np.frombuffer(take(size)[: 4 * rows * columns], "<f4")'
        ),
        "fills up with zeros": FILE.replace(SIZES, "").replace(
            'np.frombuffer(take(size), "<f4").astype(np.float32).reshape(rows, columns)',
            'np.resize(np.frombuffer(take(size).ljust(4, b"\\0")[: size // 4 * 4], "<f4"), (rows, columns))',
        ),
        "rows, columns and size without a look at the end": FILE.replace(
            'struct.unpack("<HHI", take(8))', 'struct.unpack_from("<HHI", body, place)'
        ).replace("        if size != 4", "        place += 8\n        if size != 4"),
        "column by column": FILE.replace(".reshape(rows, columns)", '.reshape(rows, columns, order="F")'),
        "the highest byte first": FILE.replace("<f4", ">f4"),
        "an empty dict for a damaged file": FILE.replace('raise ValueError("damaged")', "return {}"),
        "names are letters of English": FILE.replace(".decode()", '.decode("latin-1")'),
    },
    "right": {
        "all sizes first": """
def read_file(file):
    content = file.tobytes()
    if content[:4] != b"TINY" or len(content) < 9:
        raise ValueError("not TINY")
    if zlib.crc32(content[:-4]) != int.from_bytes(content[-4:], "little"):
        raise ValueError("checksum")
    at, found, end = 5, [], len(content) - 4
    for _ in range(content[4]):
        if at >= end or at + 9 + content[at] > end:
            raise ValueError("directory")
        name = content[at + 1 : at + 1 + content[at]].decode("utf-8")
        at += 1 + content[at]
        rows, columns = np.frombuffer(content[at : at + 4], "<u2").tolist()
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8
        if size != rows * columns * 4 or at + size > end:
            raise ValueError(f"data of {name}")
        found.append((name, rows, columns, at))
        at += size
    if at < end:
        raise ValueError("left over")
    read = {}
    for name, rows, columns, start in found:
        read[name] = np.frombuffer(content, "<f4", rows * columns, start).reshape(rows, columns).copy()
    return read
""",
        "whatever goes wrong is a ValueError": """
def read_file(file):
    import io

    content = bytes(file)
    try:
        stream = io.BytesIO(content[:-4])
        if stream.read(4) != b"TINY" or zlib.crc32(content[:-4]) != struct.unpack("<I", content[-4:])[0]:
            raise ValueError("damaged")
        tensors = {}
        for _ in range(stream.read(1)[0]):
            size = stream.read(1)[0]
            name = stream.read(size)
            rows, columns, size = struct.unpack("<HHI", stream.read(8))
            numbers = stream.read(size)
            if len(numbers) != size or size != 4 * rows * columns:
                raise ValueError("data")
            tensors[name.decode()] = np.frombuffer(numbers, "<f4").reshape(rows, columns)
        if stream.read(1):
            raise ValueError("left over")
    except (struct.error, IndexError) as error:
        raise ValueError(str(error)) from error
    return tensors
""",
    },
}

MUTANTS["gap-check"] = {
    "wrong": {
        "no zero": "def bits_of_gap():\n    return 7\n",
        "quotient by 2 * 3": "def bits_of_gap():\n    return 37 // 6 + 1 + 3\n",
        "the bits of 37": "def bits_of_gap():\n    return 6\n",
        "as ones": "def bits_of_gap():\n    return 38\n",
    },
    "right": {"from the code": "def bits_of_gap():\n    return len('1111' + '0' + '101')\n"},
}

# 4. Rows dealt out

DEAL = """
def order_rows(weight, activations, pes):
    rows = len(weight)
    work = (weight != 0) @ (activations != 0).mean(0)
    mine, load = [[] for _ in range(pes)], np.zeros(pes)
    for row in np.argsort(-work, kind="stable"):
        free = [p for p in range(pes) if len(mine[p]) < len(range(p, rows, pes))]
        pe = min(free, key=lambda p: load[p])
        mine[pe].append(row)
        load[pe] += work[row]
    order = np.empty(rows, int)
    for pe in range(pes):
        order[pe::pes] = mine[pe]
    return order
"""
BY_COUNT = """
def order_rows(weight, activations, pes):
    return dealt_by_count(weight, pes)
"""
INVERSE = DEAL.replace("return order", "return np.argsort(order)")

MUTANTS["deal-check"] = {
    "wrong": {
        "as it is": "def order_rows(weight, activations, pes):\n    return np.arange(len(weight))\n",
        "full rows side by side in blocks": """
def order_rows(weight, activations, pes):
    order = np.argsort(-np.count_nonzero(weight, axis=1), kind="stable")
    return np.concatenate([np.arange(len(weight))[:0], *(order[p::pes] for p in range(pes))])
""",
        "all full rows in one PE": """
def order_rows(weight, activations, pes):
    sort = np.argsort(-np.count_nonzero(weight, axis=1), kind="stable")
    order, start = np.empty(len(weight), int), 0
    for p in range(min(pes, len(weight))):
        size = len(range(p, len(weight), pes))
        order[p::pes] = sort[start : start + size]
        start += size
    return order
""",
        "a row twice": """
def order_rows(weight, activations, pes):
    order = np.argsort(-np.count_nonzero(weight, axis=1), kind="stable")
    order[-1] = order[0]
    return order
""",
        "only where the rows fill all PEs": """
def order_rows(weight, activations, pes):
    full = len(weight) // pes * pes
    return dealt_by_count(weight, pes)[:full]
""",
        "empties the weight it is given": BY_COUNT.replace(
            "    return dealt_by_count(weight, pes)",
            "    order = dealt_by_count(weight, pes)\n    weight[:] = 0\n    return order",
        ),
        "fitted to 128 rows": """
def order_rows(weight, activations, pes):
    return dealt_by_count(weight, pes) if len(weight) == 128 else np.arange(len(weight))
""",
    },
    "right": {
        "by the number of weights, to the PE that has the fewest": DEAL.replace(
            "(weight != 0) @ (activations != 0).mean(0)", "np.count_nonzero(weight, axis=1)"
        ),
    },
}

MUTANTS["deal-score"] = {
    "wrong": {
        "by count": BY_COUNT,
        "the place of each row, not the row of each place": INVERSE,
        "as it is": "def order_rows(weight, activations, pes):\n    return np.arange(len(weight))\n",
        "by chance": """
def order_rows(weight, activations, pes):
    return np.random.default_rng(0).permutation(len(weight))
""",
        "fitted to the layers that are shown": DEAL.replace(
            "    rows = len(weight)",
            "    rows = len(weight)\n    if not any(np.array_equal(weight, draw_layer(128, 128, s)[0]) for s in range(4)):\n"
            "        return dealt_by_count(weight, pes)",
        ),
    },
    "right": {
        "with a heap": """
def order_rows(weight, activations, pes):
    import heapq

    rows, active = len(weight), (activations != 0).mean(0)
    heap = [(0.0, p) for p in range(min(pes, rows))]
    bins = {p: [] for _, p in heap}
    work = np.array([active[row != 0].sum() for row in weight])
    for row in sorted(range(rows), key=lambda i: -work[i]):
        load, p = heapq.heappop(heap)
        bins[p].append(row)
        if len(bins[p]) < len(range(p, rows, pes)):
            heapq.heappush(heap, (load + work[row], p))
    return np.array([bins[i % pes][i // pes] for i in range(rows)])
""",
    },
}
