"""Known wrong and right answers to the lab `pruning`: the mistakes that students make."""

MUTANTS = {}

# 1. The cubic schedule

MUTANTS["schedule-check"] = {
    "wrong": {
        "squared": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    if step < begin:
        return 0.0
    made = min((step - begin) // every, updates)
    return final + (initial - final) * (1 - made / updates) ** 2
""",
        "changes at every step": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    if step < begin:
        return 0.0
    share = min((step - begin) / (updates * every), 1)
    return final + (initial - final) * (1 - share) ** 3
""",
        "does not stop at the end": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    if step < begin:
        return 0.0
    made = (step - begin) // every
    return final + (initial - final) * (1 - made / updates) ** 3
""",
        "runs before the beginning": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    made = min((step - begin) // every, updates)
    return final + (initial - final) * (1 - made / updates) ** 3
""",
        "one update too many": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    if step < begin:
        return 0.0
    made = min((step - begin) // every + 1, updates)
    return final + (initial - final) * (1 - made / updates) ** 3
""",
        "always starts at zero": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    if step < begin:
        return 0.0
    made = min((step - begin) // every, updates)
    return final * (1 - (1 - made / updates) ** 3)
""",
        "initial before the beginning": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    made = min(max(step - begin, 0) // every, updates)
    return final + (initial - final) * (1 - made / updates) ** 3
""",
        "late by one step": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    if step <= begin:
        return 0.0
    made = min((step - begin - 1) // every, updates)
    return final + (initial - final) * (1 - made / updates) ** 3
""",
        "fitted to the example": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    if step < 10:
        return 0.0
    return 0.9 - 0.9 * (1 - min((step - 10) // 10, 4) / 4) ** 3
""",
    },
    "right": {
        "with NumPy": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    made = np.clip(np.floor((step - begin) / every), 0, updates)
    left = (1 - made / updates) ** 3
    return float(initial * left + final * (1 - left)) if step >= begin else 0.0
""",
        "by a loop over the updates": """
def cubic_sparsity(step, final, begin, every, updates, initial=0.0):
    sparsity = 0.0
    for update in range(updates + 1):
        if step >= begin + update * every:
            sparsity = final - (final - initial) * ((updates - update) / updates) ** 3
    return sparsity
""",
    },
}

MUTANTS["halfway-check"] = {
    "wrong": {
        "as if it were linear": "def reached_halfway():\n    return 50\n",
        "what is left": "def reached_halfway():\n    return 12.5\n",
        "as if it were squared": "def reached_halfway():\n    return 75\n",
        "as a fraction": "def reached_halfway():\n    return 0.875\n",
        "with its unit": "def reached_halfway():\n    return '87.5 %'\n",
    },
    "right": {
        "computed": "def reached_halfway():\n    return 100 * (1 - 0.5**3)\n",
        "a NumPy number": "def reached_halfway():\n    return np.float64(87.5)\n",
    },
}

# 2. Optimal Brain Damage by hand

SALIENCY = """
def softmax_saliency(weight, bias, inputs):
    logits = inputs @ weight.T + bias
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    p = exponentials / exponentials.sum(1, keepdims=True)
    curvature = (p * (1 - p)).T @ inputs**2 / len(inputs)
    return curvature * weight**2 / 2
"""

MUTANTS["saliency-check"] = {
    "wrong": {
        "no half": SALIENCY.replace(" / 2", ""),
        "sum, not mean": SALIENCY.replace(" / len(inputs)", ""),
        "only p, not p (1 - p)": SALIENCY.replace("(p * (1 - p))", "p"),
        "the square of p": SALIENCY.replace("(p * (1 - p))", "(p**2)"),
        "input not squared": SALIENCY.replace("inputs**2", "inputs"),
        "absolute weight": SALIENCY.replace("weight**2", "abs(weight)"),
        "curvature only": SALIENCY.replace("curvature * weight**2 / 2", "curvature"),
        "without the bias": SALIENCY.replace(" + bias", ""),
        "mean before the product": SALIENCY.replace(
            "(p * (1 - p)).T @ inputs**2 / len(inputs)",
            "np.outer((p * (1 - p)).mean(0), (inputs**2).mean(0))",
        ),
        "softmax over the examples": SALIENCY.replace("max(1,", "max(0,").replace("sum(1,", "sum(0,"),
        "overflows": SALIENCY.replace(" - logits.max(1, keepdims=True)", ""),
        "changes the inputs": SALIENCY.replace(
            "    curvature", "    inputs *= inputs\n    curvature"
        ).replace("inputs**2", "inputs"),
        "changes the weight": SALIENCY.replace(
            "    return curvature * weight**2 / 2", "    weight *= weight\n    return curvature * weight / 2"
        ),
        "for four examples only": SALIENCY.replace("len(inputs)", "4"),
    },
    "right": {
        "by einsum": """
def softmax_saliency(weight, bias, inputs):
    z = np.einsum("nf,cf->nc", inputs, weight) + bias[None]
    z = np.exp(z - np.max(z, axis=1)[:, None])
    p = z / z.sum(axis=1)[:, None]
    return 0.5 * weight * weight * np.einsum("nc,nf->cf", p - p**2, np.square(inputs)) / inputs.shape[0]
""",
        "by a loop over the examples": """
def softmax_saliency(weight, bias, inputs):
    curvature = np.zeros(weight.shape)
    for x in inputs:
        z = weight @ x + bias
        p = np.exp(z - z.max())
        p /= p.sum()
        curvature += np.outer(p * (1 - p), x**2)
    return curvature / len(inputs) * weight**2 / 2
""",
        "with PyTorch": """
def softmax_saliency(weight, bias, inputs):
    w, b, x = (torch.as_tensor(a, dtype=torch.float64) for a in (weight, bias, inputs))
    p = torch.softmax(x @ w.T + b, dim=1)
    return ((p * (1 - p)).T @ x.square() / len(x) * w.square() / 2).numpy()
""",
    },
}

MUTANTS["labels-check"] = {
    "wrong": {
        "weights": 'def can_be_changed():\n    return "weights"\n',
        "biases": 'def can_be_changed():\n    return "biases"\n',
        "inputs": 'def can_be_changed():\n    return "inputs"\n',
        "a number": "def can_be_changed():\n    return 4\n",
    },
    "right": {"built": 'def can_be_changed():\n    return "".join(["lab", "els"])\n'},
}

# 3. Sparsities under a budget

BUDGET = """
import itertools


def choose_sparsities(sizes, accuracy, sparsities, budget):
    best, least = None, float("inf")
    for places in itertools.product(range(len(sparsities)), repeat=len(sizes)):
        chosen = dict(zip(sizes, places))
        kept = sum(n - round(sparsities[chosen[name]] * n) for name, n in sizes.items())
        loss = sum(accuracy[name][0] - accuracy[name][place] for name, place in chosen.items())
        if kept <= budget and loss < least:
            best, least = {name: sparsities[place] for name, place in chosen.items()}, loss
    if best is None:
        raise ValueError("no choice keeps so few weights")
    return best
"""

MUTANTS["budget-check"] = {
    "wrong": {
        "the same sparsity everywhere": """
def choose_sparsities(sizes, accuracy, sparsities, budget):
    for s in sparsities:
        if sum(n - round(s * n) for n in sizes.values()) <= budget:
            return dict.fromkeys(sizes, s)
    raise ValueError("no sparsity keeps so few weights")
""",
        "greedy by the loss of a step": """
def choose_sparsities(sizes, accuracy, sparsities, budget):
    place = dict.fromkeys(sizes, 0)
    while sum(n - round(sparsities[place[name]] * n) for name, n in sizes.items()) > budget:
        steps = [name for name in sizes if place[name] + 1 < len(sparsities)]
        if not steps:
            raise ValueError("no choice keeps so few weights")
        place[min(steps, key=lambda name: accuracy[name][place[name]] - accuracy[name][place[name] + 1])] += 1
    return {name: sparsities[p] for name, p in place.items()}
""",
        "greedy by the loss for each weight": """
def choose_sparsities(sizes, accuracy, sparsities, budget):
    place = dict.fromkeys(sizes, 0)

    def price(name):
        p = place[name]
        return (accuracy[name][p] - accuracy[name][p + 1]) / ((sparsities[p + 1] - sparsities[p]) * sizes[name])

    while sum(n - round(sparsities[place[name]] * n) for name, n in sizes.items()) > budget:
        steps = [name for name in sizes if place[name] + 1 < len(sparsities)]
        if not steps:
            raise ValueError("no choice keeps so few weights")
        place[min(steps, key=price)] += 1
    return {name: sparsities[p] for name, p in place.items()}
""",
        "the budget is what goes": BUDGET.replace(
            "n - round(sparsities[chosen[name]] * n)", "round(sparsities[chosen[name]] * n)"
        ),
        "less than the budget": BUDGET.replace("kept <= budget", "kept < budget"),
        "the worst of the layers, not their sum": BUDGET.replace("loss = sum(", "loss = max("),
        "the fewest weights": BUDGET.replace("loss < least", "kept < least").replace("}, loss", "}, kept"),
        "losses below zero do not count": BUDGET.replace(
            "accuracy[name][0] - accuracy[name][place] for",
            "max(0, accuracy[name][0] - accuracy[name][place]) for",
        ),
        "places, not sparsities": BUDGET.replace(
            "{name: sparsities[place] for name, place in chosen.items()}", "chosen"
        ),
        "None when nothing fits": BUDGET.replace(
            '    if best is None:\n        raise ValueError("no choice keeps so few weights")\n', ""
        ),
        "for two layers only": BUDGET.replace("repeat=len(sizes)", "repeat=2"),
    },
    "right": {
        "by dynamic programming": """
def choose_sparsities(sizes, accuracy, sparsities, budget):
    states = {0: (0.0, {})}
    for name, n in sizes.items():
        following = {}
        for kept, (loss, chosen) in states.items():
            for s, a in zip(sparsities, accuracy[name]):
                k, total = kept + n - round(s * n), loss + accuracy[name][0] - a
                if k <= budget and total < following.get(k, (float("inf"),))[0]:
                    following[k] = (total, chosen | {name: s})
        states = following
    if not states:
        raise ValueError("no choice keeps so few weights")
    return min(states.values(), key=lambda state: state[0])[1]
""",
        "recursively": """
def choose_sparsities(sizes, accuracy, sparsities, budget):
    names = list(sizes)

    def search(i, left):
        if i == len(names):
            return (0.0, {}) if left >= 0 else None
        found = []
        for s, a in zip(sparsities, accuracy[names[i]]):
            rest = search(i + 1, left - (sizes[names[i]] - round(s * sizes[names[i]])))
            if rest is not None:
                found.append((rest[0] - a, {names[i]: s, **rest[1]}))
        return min(found, key=lambda pair: pair[0]) if found else None

    result = search(0, budget)
    if result is None:
        raise ValueError("the budget is too small")
    return result[1]
""",
    },
}

# 4. A balanced mask

BALANCED = """
def balanced_mask(weight, sparsity, pes):
    mask = np.ones(weight.shape, bool)
    for pe in range(pes):
        part = weight[pe::pes]
        keep = np.ones(part.size, bool)
        order = np.argsort(abs(part), axis=None, kind="stable")
        keep[order[: round(sparsity * part.size)]] = False
        mask[pe::pes] = keep.reshape(part.shape)
    return mask
"""

MUTANTS["balance-check"] = {
    "wrong": {
        "signed, not absolute": BALANCED.replace("abs(part)", "part"),
        "keeps the small ones": BALANCED.replace("abs(part)", "-abs(part)"),
        "blocks of rows, not every pes-th row": """
def balanced_mask(weight, sparsity, pes):
    mask = np.ones(weight.shape, bool)
    for rows in np.array_split(np.arange(len(weight)), pes):
        part = weight[rows]
        keep = np.ones(part.size, bool)
        keep[np.argsort(abs(part), axis=None, kind="stable")[: round(sparsity * part.size)]] = False
        mask[rows] = keep.reshape(part.shape)
    return mask
""",
        "columns, not rows": BALANCED.replace("weight[pe::pes]", "weight[:, pe::pes]").replace(
            "mask[pe::pes]", "mask[:, pe::pes]"
        ),
        "one threshold for all": """
def balanced_mask(weight, sparsity, pes):
    keep = np.ones(weight.size, bool)
    keep[np.argsort(abs(weight), axis=None, kind="stable")[: round(sparsity * weight.size)]] = False
    return keep.reshape(weight.shape)
""",
        "row by row": """
def balanced_mask(weight, sparsity, pes):
    mask = np.ones(weight.shape, bool)
    for row, keep in zip(weight, mask):
        keep[np.argsort(abs(row), kind="stable")[: round(sparsity * row.size)]] = False
    return mask
""",
        "a threshold, so ties go together": """
def balanced_mask(weight, sparsity, pes):
    mask = np.ones(weight.shape, bool)
    for pe in range(min(pes, len(weight))):
        part = abs(weight[pe::pes])
        gone = round(sparsity * part.size)
        if gone:
            mask[pe::pes] = part > np.sort(part, axis=None)[gone - 1]
    return mask
""",
        "on a tie the last ones go": """
def balanced_mask(weight, sparsity, pes):
    mask = np.ones(weight.shape, bool)
    for pe in range(pes):
        part = weight[pe::pes]
        keep = np.zeros(part.size, bool)
        keep[np.argsort(-abs(part), axis=None, kind="stable")[: part.size - round(sparsity * part.size)]] = True
        mask[pe::pes] = keep.reshape(part.shape)
    return mask
""",
        "rounds down": BALANCED.replace("round(sparsity * part.size)", "int(sparsity * part.size)"),
        "rows must fill all PEs": """
def balanced_mask(weight, sparsity, pes):
    part = abs(weight).reshape(-1, pes, weight.shape[1]).transpose(1, 0, 2).reshape(pes, -1)
    keep = np.ones(part.shape, bool)
    gone = np.argsort(part, axis=1, kind="stable")[:, : round(sparsity * part.shape[1])]
    np.put_along_axis(keep, gone, False, 1)
    return keep.reshape(pes, -1, weight.shape[1]).transpose(1, 0, 2).reshape(weight.shape)
""",
        "prunes the weight it is given": BALANCED.replace(
            "    return mask", "    weight *= mask\n    return mask"
        ),
        "the number of weights, not the mask of booleans": BALANCED.replace(
            "return mask", "return mask.astype(int)"
        ),
    },
    "right": {
        "by ranks": """
def balanced_mask(weight, sparsity, pes):
    pe = np.repeat(np.arange(len(weight)) % pes, weight.shape[1])
    order = np.lexsort((np.arange(weight.size), abs(weight).ravel(), pe))
    keep = np.ones(weight.size, bool)
    start = 0
    for count in np.bincount(pe, minlength=pes):
        keep[order[start : start + round(sparsity * count)]] = False
        start += count
    return keep.reshape(weight.shape)
""",
        "with sorted lists": """
def balanced_mask(weight, sparsity, pes):
    mask = [[True] * weight.shape[1] for _ in weight]
    for pe in range(pes):
        places = [(i, j) for i in range(pe, len(weight), pes) for j in range(weight.shape[1])]
        for i, j in sorted(places, key=lambda at: abs(weight[at]))[: round(sparsity * len(places))]:
            mask[i][j] = False
    return np.array(mask)
""",
    },
}

MUTANTS["waiting-check"] = {
    "wrong": {
        "mean over sum": "def used_cycles():\n    return 25\n",
        "what is lost, of the busy ones": "def used_cycles():\n    return 67\n",
        "smallest over largest": "def used_cycles():\n    return 100 * 10 / 30\n",
        "as a fraction": "def used_cycles():\n    return 0.5\n",
    },
    "right": {"computed": "def used_cycles():\n    return 100 * (10 + 10 + 10 + 30) / (4 * 30)\n"},
}

# 5. Fewest cycles for the same output

FAST = """
def fast_mask(weight, activations, share, pes):
    energy = weight**2 * (activations**2).mean(0)
    score = SCORE
    rank = np.zeros(weight.shape, int)
    for pe in range(min(pes, len(weight))):
        part = score[pe::pes]
        order = np.argsort(-part, axis=None, kind="stable")
        place = np.empty(order.size, int)
        place[order] = np.arange(order.size)
        rank[pe::pes] = place.reshape(part.shape)
    for k in range(1, rank.max() + 2):
        if energy[rank < k].sum() >= share * energy.sum():
            return rank < k
    return rank >= 0
"""
BY_MAGNITUDE = FAST.replace("SCORE", "abs(weight)")
BY_ENERGY = FAST.replace("SCORE", "energy")
MAGNITUDE = """
def fast_mask(weight, activations, share, pes):
    return magnitude_for(weight, activations, share)
"""
UNBALANCED = MAGNITUDE.replace("magnitude_for(weight,", "magnitude_for(weight**2 * (activations**2).mean(0),")
BY_FREQUENCY = """
def fast_mask(weight, activations, share, pes):
    energy = weight**2 * (activations**2).mean(0)
    cost = (activations != 0).mean(0) + 1e-9
    low, high = 0.0, cost.sum() * len(weight) + 1
    best = np.ones(weight.shape, bool)
    for _ in range(60):
        middle = (low + high) / 2
        mask = np.zeros(weight.shape, bool)
        for pe in range(min(pes, len(weight))):
            part = energy[pe::pes] / cost
            order = np.argsort(-part, axis=None)
            spent = np.broadcast_to(cost, part.shape).ravel()[order].cumsum()
            keep = np.zeros(part.size, bool)
            keep[order[spent <= middle]] = True
            mask[pe::pes] = keep.reshape(part.shape)
        if energy[mask].sum() >= share * energy.sum():
            high, best = middle, mask
        else:
            low = middle
    return best
"""

MUTANTS["fast-check"] = {
    "wrong": {
        "the magnitude mask": MAGNITUDE,
        "everything": "def fast_mask(weight, activations, share, pes):\n    return np.ones(weight.shape, bool)\n",
        "nothing": "def fast_mask(weight, activations, share, pes):\n    return np.zeros(weight.shape, bool)\n",
        "the share of the weights, not of the energy": BY_ENERGY.replace(
            "energy[rank < k].sum() >= share * energy.sum()", "k >= (1 - share) * rank.max()"
        ),
        "the energy of the weights, not of the output": BY_ENERGY.replace(
            "energy = weight**2 * (activations**2).mean(0)", "energy = weight**2"
        ),
        "one weight too few": BY_ENERGY.replace("return rank < k", "return rank < k - 1"),
        "for 16 PEs and 90% only": BY_ENERGY.replace(
            "    energy =", "    pes, share = 16, 0.9\n    energy =", 1
        ),
        "prunes the weight it is given": BY_ENERGY.replace(
            "return rank < k", "weight[rank >= k] = 0; return rank < k"
        ),
        "blocks of rows, not every pes-th row": BY_MAGNITUDE.replace(
            "score[pe::pes]", "score[pe * len(weight) // pes : (pe + 1) * len(weight) // pes]"
        ).replace("rank[pe::pes]", "rank[pe * len(weight) // pes : (pe + 1) * len(weight) // pes]"),
    },
    "right": {"balanced, by magnitude": BY_MAGNITUDE},
}

MUTANTS["fast-score"] = {
    "wrong": {
        "the magnitude mask": MAGNITUDE,
        "by energy, not balanced": UNBALANCED,
        "balanced, by magnitude": BY_MAGNITUDE,
        "too little energy": BY_ENERGY.replace("share * energy", "0.9 * share * energy"),
        "fitted to the layers that are shown": BY_ENERGY.replace(
            "    score =", "    known = [draw_layer(128, 128, seed)[0] for seed in (0, 1, 2)]\n    score ="
        ).replace("energy.sum():", "energy.sum() and any(np.array_equal(weight, k) for k in known):"),
    },
    "right": {"balanced, by energy": BY_ENERGY, "balanced by expected cycles": BY_FREQUENCY},
}
