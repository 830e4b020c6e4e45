"""What a page promises, checked each time that it runs."""


def claim(text, condition):
    """Print the claim when it holds; raise AssertionError with its text when it does not.

    Parameters
    ----------
    text : str, the claim as the page says it.
    condition : bool (a one-element array or tensor counts), what was measured.
    """
    if not bool(condition):
        raise AssertionError(f"This page's claim does not hold in this run: {text}")
    print(f"holds: {text}")
