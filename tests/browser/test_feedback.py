"""The page of feedback in a real browser: nothing of a student's runs or loads, and anybody can read it."""

import base64
from io import BytesIO

import pytest
from matplotlib.figure import Figure

from grading.assignments import read_assignment
from grading.feedback import page as page_of
from grading.feedback import write
from tests.browser.conftest import Watch, serving
from tests.results import SOLUTIONS, WRONG, result

TINY = read_assignment(SOLUTIONS, SOLUTIONS.parent / "mutants", "tiny")
ATTACKS = {
    "script": "<script>window.hacked = 1</script>",
    "handler": "<img src=x onerror='window.hacked = 1'><body onload='window.hacked = 1'>",
    "link": "[click](javascript:window.hacked=1) <a href='javascript:window.hacked=1' autofocus>click</a>",
    "svg": "<svg onload='window.hacked = 1'><script>window.hacked = 1</script></svg>",
    "end of code": "</code></pre></details></section><script>window.hacked = 1</script>",
    "end of title": "</title></style></head></textarea><script>window.hacked = 1</script>",
    "end of attribute": "\"><script>window.hacked = 1</script>' onmouseover='window.hacked = 1' \"",
    "comment": "--><!--><script>window.hacked = 1</script><![CDATA[<script>window.hacked = 1</script>]]>",
    "template": "{{ ''.__class__ }}{% raw %}${window.hacked = 1}<script>window.hacked = 1</script>",
    "foreign": "<link rel=stylesheet href=//127.0.0.1:9/x><iframe src=http://127.0.0.1:9/></iframe>"
    "<meta http-equiv=refresh content='0; url=http://127.0.0.1:9/'><base href=http://127.0.0.1:9/>@import 'http://127.0.0.1:9/';",
    "control": "\0\x01\x1b[31m\x7f\x85\ud800\ufffe</scr\0ipt><script>window.hacked = 1</script>",
    "right to left": "\u202e\u2067<script>window.hacked = 1</script>שלום",
    "huge": "<script>window.hacked = 1</script>" * 20_000,
    "one word": "W" * 40_000,
}


@pytest.fixture
def show(browser, tmp_path):
    """show(result, **options) writes the page of a result, and opens it; a request that leaves fails the test."""
    contexts, watches = [], []
    with serving(tmp_path) as address:

        def show(one, width=1200, **options):
            write(tmp_path / "class", TINY, one)
            (tmp_path / f"class/{one.student}/tiny.html").rename(tmp_path / "page.html")
            contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
            page = contexts[-1].new_page()
            watches.append(Watch(page, address))
            page.goto(f"{address}/page.html")
            return page

        yield show
        for context in contexts:
            context.close()
    problems = [problem for watch in watches for problem in watch.problems]
    assert not problems, "\n".join(problems)


def picture():
    file = BytesIO()
    figure = Figure(figsize=(20, 2))
    figure.subplots().plot([1, 3, 2])
    figure.savefig(file, format="png")
    return base64.b64encode(file.getvalue()).decode()


def full(text="print(1)  # one", **changes):
    """A result that shows a text in every place that has one."""
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": text},
        {"output_type": "display_data", "data": {"image/png": picture(), "text/html": text}},
        {"output_type": "display_data", "data": {"image/png": f"{text}", "text/plain": text}},
        {"output_type": "error", "ename": text, "evalue": text, "traceback": [text]},
    ]
    values = {
        "points": WRONG,
        "messages": {"double-check": text},
        "hints": {"double-check": text},
        "answers": dict.fromkeys(("double", "bytes", "open"), text),
        "outputs": {"double": outputs},
        "flags": (text,),
        "submitted": text,
        "digest": text,
    }
    return result(**values | changes)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_a_student_runs(show, attack):
    page = show(full(ATTACKS[attack]), width=380)
    for summary in page.locator("summary").all():
        summary.click()
    page.mouse.move(100, 300)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert (
        page.locator("script, iframe, svg, object, embed, form, input, base, link:not([rel=icon])").count()
        == 0
    )
    assert page.locator("img").count() == 1
    assert page.locator("a").count() == 3
    assert page.locator("section.task").count() == 3
    assert page.locator("footer dd").count() == 4
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_the_policy_holds_even_if_a_text_came_in_as_html(browser, tmp_path):
    came_in = ATTACKS["script"] + ATTACKS["handler"] + ATTACKS["svg"] + "<img src=http://127.0.0.1:9/>"
    text = page_of(TINY, result()).replace("</main>", f"{came_in}</main>")
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    with serving(tmp_path) as address, browser.new_context() as context:
        page, asked, said = context.new_page(), [], []
        page.on("requestfinished", lambda request: asked.append(request.url))
        page.on("response", lambda response: asked.append(response.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{address}/page.html")
        assert page.evaluate("typeof window.hacked") == "undefined"
        assert len([text for text in said if "Content Security Policy" in text]) >= 4
        assert set(asked) <= {f"{address}/page.html", "data:,"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 380, 1200])
def test_text_is_legible_and_stays_inside(show, theme, width):
    """Every text stands out from its ground by 4.5 to 1 (WCAG AA)."""
    page = show(full(points=(0.0, 1.0), open_points=1.0), width, color_scheme=theme)
    page.locator("summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    faint = page.evaluate(
        """() => {
            const light = (text) => {
                const parts = text.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
                const [r, g, b] = parts.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = (node) => {
                const color = getComputedStyle(node).backgroundColor;
                return color === "rgba(0, 0, 0, 0)" ? ground(node.parentElement) : color;
            };
            return [...document.querySelectorAll("body *")]
                .filter((node) => [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim()))
                .map((node) => [light(getComputedStyle(node).color), light(ground(node)), node.outerHTML])
                .filter(([text, paper]) => (Math.max(text, paper) + 0.05) / (Math.min(text, paper) + 0.05) < 4.5);
        }"""
    )
    assert faint == []


def test_the_keyboard_reaches_everything(show):
    page = show(full())
    assert page.locator("h1").count() == 1
    assert page.locator("img:not([alt])").count() == 0
    reached = []
    for _ in range(page.locator("a, summary, details[open] pre, section > pre").count()):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => [document.activeElement.ariaLabel ?? document.activeElement.innerText,
                      getComputedStyle(document.activeElement).outlineWidth]"""
        )
        assert outline == "2px"
        reached.append(name)
    assert "1. Double" in reached
    assert "Your answer: 1. Double" in reached
    assert "The visible check double-check" in reached


def test_the_table_leads_to_the_task(show):
    page = show(full())
    page.get_by_role("link", name="2. Bytes").click()
    assert page.url.endswith("#task-2")
    assert page.get_by_role("region", name="2. Bytes").is_visible()
