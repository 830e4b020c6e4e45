"""`Prediction`: a guess made before the result is shown, and `Comparison`: the guess beside the measured result."""

import hashlib

import traitlets

from effdl.widgets.base import Widget, module, significant


def verdict(guess: float | str | None, measured: float | str, unit: str = "", log: bool = False) -> str:
    """Say in a sentence how a guess compares with what was measured.

    Parameters
    ----------
    guess : A number, one of the choices, or None where nothing was guessed yet.
    measured : A number or one of the choices.
    unit : Unit of both numbers. A difference of percentages is given in percentage points.
    log : Compare two positive numbers by their ratio.

    >>> verdict(50, 91.3, "%")
    'You guessed 50 %. Measured: 91.3 %. That is 41.3 points more.'
    """
    value = (lambda x: x) if isinstance(measured, str) else (lambda x: f"{significant(x)} {unit}".strip())
    if guess is None:
        return f"Measured: {value(measured)}. You have not guessed yet."
    said = f"You guessed {value(guess)}. Measured: {value(measured)}."
    if isinstance(measured, str):
        return f"{said} {'That is right.' if guess == measured else 'That is not it.'}"
    if value(guess) == value(measured):
        return f"{said} That is right."
    if log and guess > 0 and measured > 0:
        return f"{said} That is {significant(measured / guess)} × your guess."
    difference = significant(abs(measured - guess))
    unit = "points" if unit == "%" else unit
    return f"{said} That is {f'{difference} {unit}'.strip()} {'more' if measured > guess else 'less'}."


class Question(Widget):
    """What a `Prediction` and its `Comparison` both hand to the browser."""

    question = traitlets.Unicode().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)
    low = traitlets.Float().tag(sync=True)
    high = traitlets.Float().tag(sync=True)
    log = traitlets.Bool().tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)
    guess = traitlets.Any(None, allow_none=True).tag(sync=True)


class Prediction(Question):
    """Ask a question before the answer is shown, and keep the guess.

    The guess is in `guess` (a number, one of the choices, or None), and in the browser's storage, so that it is still
    there when the page is opened again and when no kernel runs.

    Parameters
    ----------
    question : The question, one or two sentences of plain text.
    choices : The possible answers. Without choices the answer is a number.
    unit, low, high : Unit of the number and the ends of its slider.
    log : Divide the slider in equal ratios, for a number that may lie anywhere between 1 and 1000.
    key : A name for the stored guess, if the question is asked twice.

    Raises
    ------
    ValueError
        If there are fewer than two choices, or `low` is not below `high`, or `log` with `low` of 0 or less.
    """

    _esm = module("common.js", "guess.js", "prediction.js")

    def __init__(self, question, choices=(), *, unit="", low=0, high=100, log=False, key="", **traits):
        """See the class."""
        choices = list(choices)
        if len(choices) == 1:
            raise ValueError(f"a question needs two choices or more, or none for a number; got {choices}")
        if not choices and not low < high:
            raise ValueError(f"low must be below high; got low={low}, high={high}")
        if log and low <= 0:
            raise ValueError(f"a slider with log=True must start above 0; got low={low}")
        # The question is part of the key: two pages of one site never read each other's guess.
        digest = hashlib.sha256(question.encode()).hexdigest()[:8]
        super().__init__(
            question=question,
            choices=choices,
            unit=unit,
            low=low,
            high=high,
            log=log,
            key=f"{key or 'guess'}-{digest}",
            **traits,
        )

    @traitlets.validate("guess")
    def _possible(self, proposal):
        guess = proposal["value"]
        if guess is None or (guess in self.choices if self.choices else isinstance(guess, int | float)):
            return guess
        raise traitlets.TraitError(
            f"a guess is {f'one of {self.choices}' if self.choices else 'a number'} or None; got {guess!r}"
        )

    def compare(self, measured, text="") -> "Comparison":
        """Return a widget that shows the guess beside `measured` and follows the guess when it is changed.

        Parameters
        ----------
        measured : The result: one of the choices, or a number in the question's unit.
        text : A sentence on the result.

        Raises
        ------
        ValueError
            If `measured` is not one of the choices.
        """
        if self.choices and measured not in self.choices:
            raise ValueError(f"measured must be one of the choices {self.choices}; got {measured!r}")
        return Comparison(self, measured if self.choices else float(measured), text)

    def summary(self) -> str:
        """Return the question, and the guess if there is one."""
        return self.question if self.guess is None else f"{self.question} Your guess: {self.guess}"


class Comparison(Question):
    """The guess of a `Prediction` beside what was measured; made by `Prediction.compare`."""

    _esm = module("common.js", "guess.js", "comparison.js")

    measured = traitlets.Any().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)

    def __init__(self, prediction, measured, text="", **traits):
        """See `Prediction.compare`."""
        same = {name: getattr(prediction, name) for name in Question.class_own_traits() if name != "guess"}
        super().__init__(measured=measured, text=text, **same, **traits)
        traitlets.dlink((prediction, "guess"), (self, "guess"))

    def summary(self) -> str:
        """Return the sentence that compares the two."""
        return verdict(self.guess, self.measured, self.unit, self.log)
