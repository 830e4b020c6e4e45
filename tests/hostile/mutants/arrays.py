"""Known answers to the lab `arrays`."""

MUTANTS = {
    "order-check": {
        "wrong": {
            "signed, not absolute": "def by_magnitude(values):\n    return np.sort(values)[::-1]\n",
            "the smallest first": "def by_magnitude(values):\n    return values[np.argsort(np.abs(values))]\n",
            "ties turned round": (
                "def by_magnitude(values):\n    return values[np.argsort(np.abs(values), kind='stable')[::-1]]\n"
            ),
        },
        "right": {
            "by sorted": "def by_magnitude(values):\n    return np.array(sorted(values, key=lambda v: -abs(v)))\n"
        },
    },
    "count-check": {
        "wrong": {
            "zero is positive": """
def signs(values):
    negative = sum(v < 0 for v in values)
    return {"negative": negative, "zero": 0, "positive": len(values) - negative}
""",
            "hard-coded": "def signs(values):\n    return {'negative': 1, 'zero': 1, 'positive': 2}\n",
            "no zeros": """
def signs(values):
    return {"negative": sum(v < 0 for v in values), "positive": sum(v > 0 for v in values)}
""",
        },
        "right": {
            "by NumPy": """
def signs(values):
    sign = np.sign(np.array(values))
    return {name: (sign == s).sum() for name, s in (("negative", -1), ("zero", 0), ("positive", 1))}
"""
        },
    },
    "largest-check": {
        "wrong": {
            "signed, not absolute": "def largest(values):\n    return values.max() if values.size else 0\n",
            "nothing for empty": "def largest(values):\n    return np.abs(values).max()\n",
            "the first row": "def largest(values):\n    return np.abs(values[:1]).max() if values.size else 0.0\n",
        },
        "right": {"by initial": "def largest(values):\n    return np.abs(values).max(initial=0)\n"},
    },
    "bytes-check": {
        "wrong": {
            "bits": "def bytes_of_three():\n    return 96\n",
            "fp64": "def bytes_of_three():\n    return 24\n",
            "a text": "def bytes_of_three():\n    return '12 bytes'\n",
        },
        "right": {"computed": "def bytes_of_three():\n    return np.float32(0).itemsize * 3\n"},
    },
}
