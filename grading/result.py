"""What grading found out about one submission."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Result:
    """The outcome for one submission of a lab.

    Attributes
    ----------
    student : Name of the student, as the submission's folder has it.
    lab : Name of the lab.
    possible : Points of every graded cell, by `grade_id`.
    points : Given points, by `grade_id`; None where a person must grade.
    messages : Why a graded cell lost its points, in words, by `grade_id`.
    hints : The known mistake that an answer behaves like, by `grade_id` of the graded cell.
    answers : Text of every answer cell as graded, by its `grade_id`.
    outputs : What an answer cell showed, by its `grade_id`: safe outputs of nbformat (stream, text, PNG, error).
    flags : What a teacher should look at.
    failed : Whether the submission could not be graded at all; then all points are 0.
    seed : The seed of the random test inputs.
    submitted : ISO time of hand-in, "" if unknown.
    digest : SHA-256 of the submitted file, in hexadecimal.
    """

    student: str
    lab: str
    possible: dict[str, float]
    points: dict[str, float | None]
    messages: dict[str, str]
    hints: dict[str, str]
    answers: dict[str, str]
    outputs: dict[str, list[dict]]
    flags: tuple[str, ...]
    failed: bool
    seed: int
    submitted: str
    digest: str

    @property
    def total(self) -> float:
        """The sum of the given points; what a person must grade counts nothing yet."""
        return sum(value for value in self.points.values() if value is not None)

    @property
    def maximum(self) -> float:
        """The sum of the possible points."""
        return sum(self.possible.values())

    def to_json(self) -> str:
        """The result as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """Read what `to_json` wrote. Raises ValueError for other text."""
        try:
            data = json.loads(text)
            return cls(**data | {"flags": tuple(data["flags"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"not a result of grading: {error}") from None
