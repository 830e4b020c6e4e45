"""Known wrong and right answers to the lab `distillation`: the mistakes that students make."""

MUTANTS = {}

# 1. The gradient of the soft loss

GRADIENT = """
def soft_gradient(student, teacher, temperature):
    def softmax(logits):
        powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
        return powers / powers.sum(axis=1, keepdims=True)

    return temperature * (softmax(student) - softmax(teacher)) / len(student)
"""

MUTANTS["gradient-check"] = {
    "wrong": {
        "the sign": GRADIENT.replace(
            "(softmax(student) - softmax(teacher))", "(softmax(teacher) - softmax(student))"
        ),
        "T squared": GRADIENT.replace("return temperature *", "return temperature**2 *"),
        "no factor": GRADIENT.replace("return temperature *", "return"),
        "divided by T": GRADIENT.replace("return temperature *", "return 1 / temperature *"),
        "a sum, not a mean": GRADIENT.replace(" / len(student)", ""),
        "a mean over the classes too": GRADIENT.replace("len(student)", "student.size"),
        "the student without temperature": GRADIENT.replace(
            "softmax(student) -", "softmax(student * temperature) -"
        ),
        "overflows": GRADIENT.replace("logits - logits.max(axis=1, keepdims=True)", "logits"),
        "softmax over the examples": GRADIENT.replace("axis=1", "axis=0"),
        "one sum for all": GRADIENT.replace("powers.sum(axis=1, keepdims=True)", "powers.sum()"),
        "changes the logits that it is given": GRADIENT.replace(
            "    def softmax", "    teacher -= teacher.max(axis=1, keepdims=True)\n\n    def softmax"
        ),
    },
    "right": {
        "example by example": """
def soft_gradient(student, teacher, temperature):
    def probabilities(row):
        powers = [np.exp((x - max(row)) / temperature) for x in row]
        return np.array(powers) / sum(powers)

    rows = [probabilities(z) - probabilities(v) for z, v in zip(student, teacher)]
    return np.array(rows) * temperature / len(rows)
""",
        "by PyTorch": """
def soft_gradient(student, teacher, temperature):
    z = torch.tensor(student, requires_grad=True)
    soft_loss(z, torch.tensor(teacher), temperature).backward()
    return z.grad.numpy()
""",
    },
}

MUTANTS["factor-check"] = {
    "wrong": {
        "one": "def constant_at_high_temperature():\n    return 1\n",
        "the number of classes": "def constant_at_high_temperature():\n    return 10\n",
        "its square": "def constant_at_high_temperature():\n    return 0.01\n",
    },
    "right": {"as a fraction": "def constant_at_high_temperature():\n    return 1 / 10\n"},
}

# 2. Attention

ATTENTION = """
def attention_distance(student, teacher):
    a, b = (np.square(x).sum(axis=1) for x in (student, teacher))
    height, width = min(a.shape[1], b.shape[1]), min(a.shape[2], b.shape[2])
    if a.shape[1:] != (height, width) and b.shape[1:] != (height, width):
        raise ValueError("neither is the smaller one")
    rows = []
    for maps in (a, b):
        n, h, w = maps.shape
        if h % height or w % width:
            raise ValueError("no multiple")
        pooled = maps.reshape(n, height, h // height, width, w // width).mean(axis=(2, 4))
        flat = pooled.reshape(n, -1)
        length = np.sqrt((flat**2).sum(axis=1, keepdims=True))
        rows.append(flat / np.where(length == 0, 1, length))
    return float(np.sqrt(((rows[0] - rows[1]) ** 2).sum(axis=1)).mean())
"""

MUTANTS["attention-check"] = {
    "wrong": {
        "the length before the mean over blocks": ATTENTION.replace(
            "    rows = []",
            "    a, b = (m / np.maximum(np.linalg.norm(m.reshape(len(m), -1), axis=1), 1e-9)[:, None, None] for m in (a, b))"
            "\n    rows = []",
        ).replace("np.where(length == 0, 1, length)", "1"),
        "no length": ATTENTION.replace("np.where(length == 0, 1, length)", "1"),
        "divides by zero": ATTENTION.replace("np.where(length == 0, 1, length)", "length"),
        "magnitudes, not squares": ATTENTION.replace("np.square(x)", "np.abs(x)"),
        "the mean over blocks before the squares": ATTENTION.replace(
            "a, b = (np.square(x).sum(axis=1) for x in (student, teacher))",
            "a, b = (np.asarray(x, float).sum(axis=1) for x in (student, teacher))",
        ).replace("flat = pooled.reshape(n, -1)", "flat = np.square(pooled).reshape(n, -1)"),
        "every second place, no mean": ATTENTION.replace(
            "maps.reshape(n, height, h // height, width, w // width).mean(axis=(2, 4))",
            "maps[:, :: h // height, :: w // width]",
        ),
        "the largest of a block": ATTENTION.replace(".mean(axis=(2, 4))", ".max(axis=(2, 4))"),
        "blocks the wrong way round": ATTENTION.replace(
            "n, height, h // height, width, w // width).mean(axis=(2, 4))",
            "n, h // height, height, w // width, width).mean(axis=(1, 3))",
        ),
        "squared distance": ATTENTION.replace("np.sqrt(((rows[0]", "(((rows[0]"),
        "one length for all examples": ATTENTION.replace(
            "length = np.sqrt((flat**2).sum(axis=1, keepdims=True))", "length = np.sqrt((flat**2).sum())"
        ),
        "a sum over the examples": ATTENTION.replace(".sum(axis=1)).mean())", ".sum(axis=1)).sum())"),
        "cuts what does not fit": ATTENTION.replace(
            'raise ValueError("no multiple")',
            "maps = maps[:, : h // height * height, : w // width * width]\n            n, h, w = maps.shape",
        ),
    },
    "right": {
        "with PyTorch's pooling": """
def attention_distance(student, teacher):
    maps = [torch.tensor(np.asarray(x, float)).square().sum(1) for x in (student, teacher)]
    size = [min(maps[0].shape[i], maps[1].shape[i]) for i in (1, 2)]
    if not any(list(m.shape[1:]) == size for m in maps):
        raise ValueError("neither is the smaller one")
    if any(m.shape[i] % size[i - 1] for m in maps for i in (1, 2)):
        raise ValueError("no multiple")
    flat = [torch.nn.functional.adaptive_avg_pool2d(m, size).flatten(1) for m in maps]
    flat = [torch.nn.functional.normalize(f, dim=1) for f in flat]
    return (flat[0] - flat[1]).norm(dim=1).mean().item()
""",
        "written out": ATTENTION,
    },
}

# 3. The bias

BIAS = """
def best_bias(logits, labels, c):
    rest = logits.copy()
    rest[:, c] = -np.inf
    points = sorted(rest.max(axis=1) - logits[:, c])
    tries = [points[0] - 1.0, points[-1] + 1.0] + [(p + q) / 2 for p, q in zip(points, points[1:])]
    scores = [accuracy_with(b, logits, labels, c) for b in tries]
    return float(tries[int(np.argmax(scores))])
"""

MUTANTS["bias-check"] = {
    "wrong": {
        "never negative": BIAS.replace("for b in tries]", "if b >= 0 else -1 for b in tries]"),
        "a grid around zero": """
def best_bias(logits, labels, c):
    return float(max(np.linspace(-5, 5, 1001), key=lambda b: accuracy_with(b, logits, labels, c)))
""",
        "always beyond all breakpoints": BIAS.replace("tries[int(np.argmax(scores))]", "points[-1] + 1"),
        "recognizes the class, whatever it costs": BIAS.replace(
            "accuracy_with(b, logits, labels, c) for b",
            "((rest.max(axis=1) < logits[:, c] + b) & (labels == c)).sum() for b",
        ),
        "none beyond the ends": BIAS.replace("[points[0] - 1.0, points[-1] + 1.0] +", "[points[0]] +"),
        "the breakpoints of the class's own examples only": BIAS.replace(
            "sorted(rest.max(axis=1) - logits[:, c])",
            "sorted((rest.max(axis=1) - logits[:, c])[labels == c]) or [0.0]",
        ),
        "the wrong sign": BIAS.replace(
            "float(tries[int(np.argmax(scores))])", "-float(tries[int(np.argmax(scores))])"
        ),
        "means of the logits": """
def best_bias(logits, labels, c):
    others = np.delete(logits, c, axis=1).max(axis=1)
    return float((others - logits[:, c]).mean())
""",
        "changes the logits that it is given": BIAS.replace("logits.copy()", "logits"),
        "infinite": BIAS.replace("points[0] - 1.0", "-np.inf"),
    },
    "right": {
        "next to every breakpoint": """
def best_bias(logits, labels, c):
    points = np.unique(np.delete(logits, c, axis=1).max(axis=1) - logits[:, c])
    gap = np.diff(points).min() / 2 if len(points) > 1 else 1.0
    tries = np.concatenate([points - gap, points + gap])
    return float(max(tries, key=lambda b: accuracy_with(b, logits, labels, c)))
""",
        "through a list": BIAS,
    },
}

# 4. Sharing the work

SHARE = """
def choose_threshold(confidence, student_right, teacher_right, student_cost, teacher_cost, floor):
    for threshold in sorted(set(confidence.tolist()) | {1.5}):
        passed = confidence < threshold
        accuracy = np.mean(np.where(passed, teacher_right, student_right))
        if accuracy >= floor - 1e-9:
            return float(threshold)
    raise ValueError("the floor cannot be reached")
"""

MUTANTS["share-check"] = {
    "wrong": {
        "the highest threshold": SHARE.replace("{1.5})", "{1.5}, reverse=True)"),
        "always asks the teacher": "def choose_threshold(confidence, *rest):\n    return 2.0\n",
        "does not refuse": SHARE.replace('raise ValueError("the floor cannot be reached")', "return 2.0"),
        "passes on the confident ones": SHARE.replace("confidence < threshold", "confidence >= threshold"),
        "above the floor, not at it": SHARE.replace(">= floor - 1e-9", "> floor + 1e-9"),
        "never all to the teacher": SHARE.replace(
            "sorted(set(confidence.tolist()) | {1.5})", "sorted(set(confidence.tolist()))"
        ),
        "a coarse grid": SHARE.replace("sorted(set(confidence.tolist()) | {1.5})", "np.linspace(0, 1.1, 12)"),
        "looks at the student's accuracy only": SHARE.replace(
            "np.mean(np.where(passed, teacher_right, student_right))",
            "(np.mean(student_right[~passed]) if (~passed).any() else 1.0)",
        ),
        "stops where accuracy stops rising": SHARE.replace(
            "sorted(set(confidence.tolist()) | {1.5}):",
            "[max(sorted(set(confidence.tolist()) | {1.5}),"
            " key=lambda t: np.where(confidence < t, teacher_right, student_right).mean())]:",
        ),
    },
    "right": {
        "every threshold, the cheapest": """
def choose_threshold(confidence, student_right, teacher_right, student_cost, teacher_cost, floor):
    found = []
    for t in [0.0, *confidence.tolist(), 9.0]:
        accuracy, mean = outcome(t, confidence, student_right, teacher_right, student_cost, teacher_cost)
        if accuracy >= floor - 1e-12:
            found.append((mean, t))
    if not found:
        raise ValueError("too high")
    return min(found)[1]
""",
        "from below": SHARE,
    },
}

MUTANTS["share-score"] = {
    "wrong": {
        "always asks the teacher": "def choose_threshold(confidence, *rest):\n    return 2.0\n",
        "a coarse grid": SHARE.replace("sorted(set(confidence.tolist()) | {1.5})", "np.linspace(0, 1.1, 12)"),
        "the best accuracy": SHARE.replace(
            "sorted(set(confidence.tolist()) | {1.5}):",
            "[max(sorted(set(confidence.tolist()) | {1.5}),"
            " key=lambda t: np.where(confidence < t, teacher_right, student_right).mean())]:",
        ),
        "good on the validation images only": SHARE.replace(
            "    for threshold", "    if len(confidence) != 200:\n        return 0.9\n    for threshold"
        ),
    },
    "right": {"from below": SHARE},
}

MUTANTS["half-check"] = {
    "wrong": {
        "forgets the student": "def share_for_half():\n    return 50\n",
        "the student for those that it keeps only": "def share_for_half():\n    return 42.86\n",
        "as a share of one": "def share_for_half():\n    return 0.375\n",
    },
    "right": {"computed": "def share_for_half():\n    return 100 * (8 / 2 - 1) / 8\n"},
}
