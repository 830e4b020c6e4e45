"""Known answers to the lab `cost`: the mistakes that students make, and right answers written differently."""


def variants(source, **changes):
    """For each label the source with one piece of text replaced by another; a label's `_` reads as a space."""
    for label, (old, _) in changes.items():
        assert source.count(old) >= 1, f"{label}: the answer holds no {old!r}"
    return {label.replace("_", " "): source.replace(old, new) for label, (old, new) in changes.items()}


CONV = """
def conv_cost(in_channels, out_channels, height, width, kernel_height, kernel_width,
              stride=1, padding=0, dilation=1, groups=1, bias=True):
    span_h, span_w = dilation * (kernel_height - 1) + 1, dilation * (kernel_width - 1) + 1
    rows = (height + 2 * padding - span_h) // stride + 1
    columns = (width + 2 * padding - span_w) // stride + 1
    weights = out_channels * in_channels // groups * kernel_height * kernel_width
    biases = out_channels if bias else 0
    return {"height": rows, "width": columns, "params": weights + biases, "macs": rows * columns * weights}
"""
CONV_BY_COUNTING = """
def conv_cost(in_channels, out_channels, height, width, kernel_height, kernel_width,
              stride=1, padding=0, dilation=1, groups=1, bias=True):
    def places(size, kernel):
        last = size + padding - 1  # coordinate of the last padded pixel
        return len([x for x in range(-padding, last + 1, stride) if x + dilation * (kernel - 1) <= last])

    rows, columns = places(height, kernel_height), places(width, kernel_width)
    filters = [in_channels // groups * kernel_height * kernel_width] * out_channels
    return {
        "height": rows,
        "width": columns,
        "params": sum(filters) + len(filters) * bool(bias),
        "macs": sum(rows * columns * size for size in filters),
    }
"""

TIME = """
def network_time(ops, moved, peak, bandwidth):
    arithmetic = np.asarray(ops, dtype=float) / peak
    memory = np.asarray(moved, dtype=float) / bandwidth
    times = np.maximum(arithmetic, memory)
    total = float(times.sum())
    limited = float(times[memory > arithmetic].sum())
    return {"seconds": total, "memory_share": limited / total if total else 0.0}
"""
TIME_BY_LOOP = """
def network_time(ops, moved, peak, bandwidth):
    seconds = limited = 0.0
    for o, q in zip(ops, moved):
        if q * peak > o * bandwidth:
            limited += q / bandwidth
            seconds += q / bandwidth
        else:
            seconds += o / peak
    return {"seconds": float(seconds), "memory_share": float(limited / seconds) if seconds > 0 else 0}
"""

TILE = """
def best_tile(m, k, n, buffer):
    best = None
    for tile_m in range(1, m + 1):
        tile_n = min(n, (buffer - tile_m) // (tile_m + 1))
        if tile_n < 1:
            break
        moved = traffic(m, k, n, tile_m, tile_n)
        if best is None or moved < best[0]:
            best = moved, [tile_m, tile_n]
    return best[1]
"""
TILE_BY_ARRAY = """
def best_tile(m, k, n, buffer):
    tile_n = np.arange(1, n + 1)
    tile_m = np.minimum(m, (buffer - tile_n) // (tile_n + 1))
    tile_n, tile_m = tile_n[tile_m > 0], tile_m[tile_m > 0]
    best = np.argmin(m * k * np.ceil(n / tile_n) + k * n * np.ceil(m / tile_m))
    return [int(tile_m[best]), int(tile_n[best])]
"""
SQUARE = """
def best_tile(m, k, n, buffer):
    return square_tile(m, n, buffer)
"""

BATCH = """
def largest_batch(params, activations, memory, states=2, bits=32):
    number = bits // 8
    fixed = params * (2 * number + 4 * states + (4 if bits < 32 else 0))
    return max(0, (memory - fixed) // (activations * number))
"""
BATCH_BY_BITS = """
def largest_batch(params, activations, memory, states=2, bits=32):
    free = 8 * memory - params * (bits + bits + 32 * states)
    if bits != 32:
        free -= 32 * params
    return int(np.clip(free // (bits * activations), 0, None))
"""


def returns(function, value):
    """A function without arguments that returns a fixed value."""
    return f"\ndef {function}():\n    return {value!r}\n"


MUTANTS = {
    "conv-check": {
        "wrong": variants(
            CONV,
            groups_ignored=("// groups", ""),
            padding_on_one_side=("2 * padding", "padding"),
            dilation_ignored=("dilation * (", "("),
            dilation_of_the_whole_kernel=("dilation * (kernel_height - 1) + 1", "dilation * kernel_height"),
            bias_always_counted=("if bias else 0", ""),
            bias_counted_as_MACs=("columns * weights", "columns * (weights + biases)"),
            sides_of_the_kernel_swapped=(
                "span_h, span_w = dilation * (kernel_height - 1) + 1, dilation * (kernel_width - 1) + 1",
                "span_w, span_h = dilation * (kernel_height - 1) + 1, dilation * (kernel_width - 1) + 1",
            ),
            square_kernels_only=("kernel_height * kernel_width", "kernel_height**2"),
            operations_not_MACs=("rows * columns * weights", "2 * rows * columns * weights"),
        ),
        "right": {"written another way": CONV, "by counting the places": CONV_BY_COUNTING},
    },
    "time-check": {
        "wrong": variants(
            TIME,
            the_shorter_time=("np.maximum", "np.minimum"),
            both_times_added=("np.maximum(arithmetic, memory)", "arithmetic + memory"),
            share_of_the_layers=("limited / total if total", "float((memory > arithmetic).mean()) if total"),
            fails_without_layers=(
                "limited / total if total else 0.0",
                "limited / max(times) * max(times) / total",
            ),
            ridge_counted_as_memory=("memory > arithmetic", "memory >= arithmetic"),
            share_of_the_memory_time=("limited / total", "limited / float(memory.sum())"),
        )
        | {
            "the network as one layer": """
def network_time(ops, moved, peak, bandwidth):
    arithmetic, memory = sum(ops) / peak, sum(moved) / bandwidth
    return {"seconds": max(arithmetic, memory), "memory_share": float(memory > arithmetic)}
""",
            "sorts its input": """
def network_time(ops, moved, peak, bandwidth):
    if isinstance(ops, np.ndarray):
        ops.sort()
        moved.sort()
    arithmetic = np.asarray(ops, dtype=float) / peak
    memory = np.asarray(moved, dtype=float) / bandwidth
    times = np.maximum(arithmetic, memory)
    total = float(times.sum())
    limited = float(times[memory > arithmetic].sum())
    return {"seconds": total, "memory_share": limited / total if total else 0.0}
""",
        },
        "right": {"written another way": TIME, "by a loop without divisions": TIME_BY_LOOP},
    },
    "tile-check": {
        "wrong": variants(
            TILE,
            inputs_and_weights_not_counted=("(buffer - tile_m) // (tile_m + 1)", "buffer // tile_m"),
            sides_swapped=("[tile_m, tile_n]", "[tile_n, tile_m]"),
            wider_than_the_output=(
                "min(n, (buffer - tile_m) // (tile_m + 1))",
                "(buffer - tile_m) // (tile_m + 1)",
            ),
            the_most_traffic=("moved < best[0]", "moved > best[0]"),
        )
        | {
            "fitted to the example": "\ndef best_tile(m, k, n, buffer):\n    return [4, 4]\n",
            "one output at a time": "\ndef best_tile(m, k, n, buffer):\n    return [1, 1]\n",
            "square, not cut to the output": """
def best_tile(m, k, n, buffer):
    side = int((buffer + 1) ** 0.5) - 1
    return [side, side]
""",
        },
        "right": {"by trying every height": TILE, "by an array": TILE_BY_ARRAY},
    },
    "tile-score": {
        "wrong": {
            "the largest square": SQUARE,
            "square, then widened": """
def best_tile(m, k, n, buffer):
    tile_m = square_tile(m, n, buffer)[0]
    return [tile_m, min(n, (buffer - tile_m) // (tile_m + 1))]
""",
            "as wide as possible": """
def best_tile(m, k, n, buffer):
    tile_n = min(n, (buffer - 1) // 2)
    return [min(m, (buffer - tile_n) // (tile_n + 1)), tile_n]
""",
            "powers of two": """
def best_tile(m, k, n, buffer):
    sides = [2**i for i in range(17)]
    fits = [(a, b) for a in sides for b in sides if a <= m and b <= n and a * b + a + b <= buffer]
    return list(min(fits, key=lambda tile: traffic(m, k, n, *tile)))
""",
            "the most traffic": TILE.replace("moved < best[0]", "moved > best[0]"),
        },
        "right": {"by trying every height": TILE, "by an array": TILE_BY_ARRAY},
    },
    "batch-check": {
        "wrong": variants(
            BATCH,
            no_gradients=("2 * number", "number"),
            no_master_copy=("(4 if bits < 32 else 0)", "0"),
            always_a_master_copy=("(4 if bits < 32 else 0)", "4"),
            states_in_16_bits=("4 * states", "number * states"),
            always_two_states=("4 * states", "4 * 2"),
            negative_batches=(
                "max(0, (memory - fixed) // (activations * number))",
                "(memory - fixed) // (activations * number)",
            ),
            rounded_up=(
                "(memory - fixed) // (activations * number)",
                "-((fixed - memory) // (activations * number))",
            ),
            activations_in_32_bits=("activations * number", "activations * 4"),
            exact_fit_refused=("(memory - fixed)", "(memory - fixed - 1)"),
        ),
        "right": {"written another way": BATCH, "counted in bits": BATCH_BY_BITS},
    },
    "ridge-check": {
        "wrong": {
            "the ridge in MACs": returns("ridge_batch", 1353),
            "the ridge in operations": returns("ridge_batch", 2706),
            "the side of the matrix": returns("ridge_batch", 4096),
            "with its unit": returns("ridge_batch", "3987 images"),
            "a share of the ridge": returns("ridge_batch", 0.97),
        },
        "right": {
            "computed": """
def ridge_batch():
    ridge, side = hwsim.PLATFORMS["TPU v1"].ridge, 4096
    return int(np.ceil(ridge * side / (2 * side - 2 * ridge)))
""",
            "searched": """
def ridge_batch():
    layers = (hwsim.MatMul("fc", n, 4096, 4096) for n in range(1, 10_000))
    return next(layer.m for layer in layers if layer.intensity(8) >= 92e12 / 34e9)
""",
        },
    },
    "upgrade-check": {
        "wrong": {
            choice: returns("twice_the_peak", choice)
            for choice in ["halves", "falls by a quarter", "doubles"]
        }
        | {"none of the choices": returns("twice_the_peak", "nothing")},
        "right": {
            "computed": """
def twice_the_peak():
    layer, old = hwsim.networks.vgg16()["fc6"], hwsim.PLATFORMS["Haswell"]
    before = max(layer.ops / old.peak, layer.bytes() / old.bandwidth)
    after = max(layer.ops / (2 * old.peak), layer.bytes() / old.bandwidth)
    return "stays" if before == after else "halves"
""",
        },
    },
}
