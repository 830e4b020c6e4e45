"""What grading found out about one submission."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import NamedTuple


class Typed(NamedTuple):
    """What a teacher typed: points and comments, by the `grade_id` of the graded cell."""

    points: dict[str, float]
    comments: dict[str, str]


@dataclass(frozen=True)
class Result:
    """The outcome for one submission of a lab; plain data, so that it can be kept as JSON.

    Parameters
    ----------
    student, lab : str
    possible : dict, the points that each graded cell can give, by `grade_id`
    points : dict, the points given; None where a person must grade
    messages : dict, why a graded cell lost its points, in words
    hints : dict, the known mistake that an answer behaves like
    answers : dict, the text of every answer cell as it was graded, by its `grade_id`
    outputs : dict, what an answer cell showed: notebook outputs of text, errors and PNG pictures only
    flags : tuple, what a teacher should look at
    failed : bool, the submission could not be graded at all: no points
    seed : int, the seed of the random test inputs
    submitted : str, the time of the hand-in in ISO 8601, "" if unknown
    digest : str, SHA-256 of the submitted file
    penalty : float, the points off for a late hand-in
    """

    student: str
    lab: str
    possible: dict[str, float]
    points: dict[str, float | None]
    messages: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, list[dict]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    failed: bool = False
    seed: int = 0
    submitted: str = ""
    digest: str = ""
    penalty: float = 0.0

    @property
    def total(self) -> float:
        """The points that were given less the penalty; what a person must grade counts nothing yet."""
        given = sum(value for value in self.points.values() if value is not None)
        return max(0.0, given - self.penalty)

    @property
    def maximum(self) -> float:
        """The points of a perfect submission."""
        return sum(self.possible.values())

    def with_typed(self, typed: Typed) -> "Result":
        """The result with the points and comments of a teacher; what has points waits no longer."""
        waiting = {f"grade by hand: {name}" for name in typed.points}
        messages = {name: [text] for name, text in self.messages.items()}
        for name, comment in typed.comments.items():
            messages.setdefault(name, []).append(f"Your teacher: {comment}")
        return replace(
            self,
            points=self.points | typed.points,
            messages={name: "\n".join(texts) for name, texts in messages.items()},
            flags=tuple(flag for flag in self.flags if flag not in waiting),
        )

    def to_json(self) -> str:
        """The result as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """Read what `to_json` wrote. Raises ValueError for a text that is no result."""
        try:
            data = json.loads(text)
            return cls(**data | {"flags": tuple(data["flags"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"not a result of grading: {error}") from None
