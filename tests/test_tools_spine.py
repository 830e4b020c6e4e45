"""The check of the spine finds each planted fault."""

import pytest
from course import HEAD, chapter, markdown, notebook, write

from tools import spine


def changed(old: str, new: str) -> list[str]:
    """The problems of a good chapter in which a text is replaced."""
    cells = chapter()
    assert any(old in cell["source"] for cell in cells)
    for cell in cells:
        cell["source"] = cell["source"].replace(old, new)
    return list(spine.spine(notebook(*cells)))


def test_a_good_chapter_has_no_problem():
    assert list(spine.spine(notebook(*chapter()))) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("# Pruning", "Pruning", "begins with `# Title`"),
        ("two CPU cores", "a computer", "the line below the title is like"),
        (" offline", "", "the line below the title is like"),
        ("You will be able to", "Goals", "You will be able to"),
        ("- retrain,\n- measure.\n", "", "lists 1 things"),
        ("Builds on", "See", "what the chapter builds on"),
        ("## The idea", "## Idea", "`## The idea` is missing"),
        ("## Explore", "## Explore\n\n## Play", "`## Play` is not one of the fixed headings"),
        ("## Explore", "## Explore\n\n## Explore", "`## Explore` stands 2 times"),
        ("## Explore", "## Explore ##", None),
        ("## Explore", "## Explore\n\n### Play", None),
        ("## Explore", "## Explore\n\n```\n## code\n```", None),
        ("claim(", "print(", "call claim(...)"),
        ("Prediction(", "Guess(", "Prediction widget"),
        ('Prediction("', 'widgets.Prediction("', None),
    ],
)
def test_each_fault_is_found(old, new, reason):
    problems = changed(old, new)
    if reason is None:
        assert problems == []
    else:
        assert any(reason in problem for problem in problems), problems


def test_the_order_of_the_headings_is_fixed():
    swapped = [markdown("a", "## Next"), *chapter()[:-1]]
    problems = list(spine.spine(notebook(*swapped)))
    assert any("the order is Predict, The idea" in problem for problem in problems)


def test_five_folded_answers():
    cells = chapter()
    cells[-2]["source"] += "\n<details><summary>Answer</summary>\n\n</details>"
    assert list(spine.spine(notebook(*cells))) == [
        "Check yourself: 6 folded answers: 5 questions, <details> for each"
    ]


def test_the_welcome_page_needs_only_a_few_parts():
    head = markdown("title", HEAD.split("Builds on")[0])
    rest = [cell for cell in chapter() if cell["id"] in ("claims-text", "claims", "next")]
    middle = markdown("map", "## The map of the course")
    assert list(spine.spine(notebook(head, middle, *rest), welcome=True)) == []
    missing = list(spine.spine(notebook(head, middle, *rest[:2]), welcome=True))
    assert missing == ["headings: `## Next` is missing"]


def test_an_empty_notebook_is_reported_not_raised():
    assert "title: the first cell begins with `# Title`" in list(spine.spine(notebook()))


def test_the_files_are_named_by_number(tmp_path):
    write(tmp_path / "chapters" / "pruning.ipynb", *chapter())
    assert list(spine.problems(tmp_path)) == [
        "chapters/pruning.ipynb: a chapter is named NN_name.ipynb, in small letters"
    ]
