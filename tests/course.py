"""A small course in a temporary folder, for tests of the tools: notebooks from a few cells."""

import json
from pathlib import Path

from tools.notebooks import METADATA


def markdown(name: str, source: str, **metadata) -> dict:
    return {"cell_type": "markdown", "id": name, "metadata": metadata, "source": source}


def code(name: str, source: str, outputs: tuple = (), **metadata) -> dict:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "execution_count": None,
        "outputs": list(outputs),
    }


def printed(text: str) -> dict:
    """The output of a cell that printed the text."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def notebook(*cells: dict) -> dict:
    return {"cells": list(cells), "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def write(path: Path, *cells: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook(*cells)), encoding="utf-8")
    return path


HEAD = """# Pruning

30 minutes to read, 45 seconds to run on two CPU cores, 600 MB of memory, works offline.

You will be able to

- prune,
- retrain,
- measure.

Builds on [the cost of a network](01_cost.ipynb).
"""
QUESTIONS = "## Check yourself\n" + "\n<details><summary>Answer</summary>\n\n42\n\n</details>\n" * 5


def chapter() -> list[dict]:
    """The cells of a chapter without a fault."""
    check = {"tags": ["NBVAL_CHECK_OUTPUT"]}
    return [
        markdown("title", HEAD.replace("(01_cost.ipynb)", "(https://example.org)")),
        markdown("predict", "## Predict"),
        code("predict-question", 'prediction = Prediction("How many?")'),
        markdown("idea", "## The idea\n\nA picture of $w < 0$.\n\n## From scratch"),
        code("double", "def double(x):\n    return 2 * x", tags=["library"]),
        *[code(f"check-{i}", f"print({i})", [printed(f"{i}\n")], **check) for i in range(5)],
        markdown("rest", "\n\n".join(f"## {h}" for h in REST)),
        markdown("claims-text", "## Claims"),
        code("claims", 'claim("two is two", 2 == 2)'),
        markdown("questions", QUESTIONS),
        markdown("next", "## Next"),
    ]


REST = ["On a network", "Explore", "On hardware", "In practice", "Paper and page"]
