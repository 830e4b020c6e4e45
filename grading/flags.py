"""What the flags of a result mean: the kind of each, to count by, and the words for the student."""

import re

BY_HAND = "waits for grading by hand"

# The flag that grading writes, its kind, and what the student reads: "" where the page says it elsewhere.
KNOWN = [
    (r"grade by hand: .+", BY_HAND, ""),
    (r"time of hand-in cannot be read", "time of hand-in cannot be read", ""),
    (
        r"no cell (.+)",
        "answer cell is missing",
        "The cell “{0}” is not in your notebook: it was renamed or deleted. Start from the released lab.",
    ),
    (
        r"cell (.+) stands (\d+) times: .*",
        "answer cell stands twice",
        "The cell “{0}” stands {1} times in your notebook. The copies were graded as one cell.",
    ),
    (
        r"cell (.+) is as it was released, but another cell defines (.+)",
        "answered in another cell",
        "The cell “{0}” has no answer, but another cell of your notebook defines “{1}”. Put it into the cell “{0}”.",
    ),
    (
        r"cell (.+) is too long: (.+) characters",
        "answer is too long",
        "The cell “{0}” has {1} characters. That is too long, so it was left out.",
    ),
    (
        r"(.+) passed once and failed once",
        "passes only sometimes",
        "“{0}” was checked twice, with other random inputs: it passed once and failed once. Points need both.",
    ),
    (
        r"(.+): it took longer than (.+) s",
        "takes too long",
        "“{0}” was stopped: it took longer than {1} seconds.",
    ),
    (r"(.+): it used too much memory", "uses too much memory", "“{0}” was stopped: it used too much memory."),
    (
        r"(.+): it ended the Python process",
        "ends the process",
        "“{0}” ended the Python process, as `exit()` does.",
    ),
    (
        r"(.+): the answer (?:cannot be read|is not in order).*",
        "returns what cannot be read",
        "“{0}” returned something other than numbers, text, lists, dicts and arrays.",
    ),
    (
        r"((?:not a notebook|too large|cannot be read)\b.*)",
        "file is no notebook",
        "Your file could not be graded: {0}.",
    ),
]


def kind(flag: str) -> str:
    """The kind of a flag, without the names and numbers in it; the flag itself where it is of no known kind."""
    return next((name for pattern, name, _ in KNOWN if re.fullmatch(pattern, flag, re.DOTALL)), flag)


def for_student(flag: str) -> str:
    """A flag as a sentence for the student; "" where it asks nothing of them, itself where it is of no known kind."""
    for pattern, _, words in KNOWN:
        if found := re.fullmatch(pattern, flag, re.DOTALL):
            return words.format(*found.groups())
    return flag
