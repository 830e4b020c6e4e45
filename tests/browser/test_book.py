"""The built book in a browser: every page, every widget, every internal link, search."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin

import pytest

from tests.browser.conftest import BOOK, ROOT

LARGEST_PAGE = 3_000_000  # bytes
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))
LABS = sorted(f"{path.stem}/{path.stem}" for path in (ROOT / "labs").glob("*/*.ipynb"))
TEXTS = [
    "chapters/index",
    *sorted(f"chapters/simulator/{path.stem}" for path in (ROOT / "chapters/simulator").glob("*.md")),
]
PAGES = [*TEXTS, *(f"chapters/{name}" for name in CHAPTERS), *(f"labs/{name}" for name in LABS)]


class Links(HTMLParser):
    """Addresses that a page points to, and the names inside it that can be pointed to."""

    def __init__(self, html):
        super().__init__()
        self.addresses, self.names, self.alts = [], set(), []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "img":
            self.alts.append(attributes.get("alt", ""))
        for key in {"a": ["href"], "img": ["src"], "link": ["href"], "script": ["src"]}.get(tag, []):
            if attributes.get(key):
                self.addresses.append(attributes[key])


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("page", PAGES)
def test_no_link_leads_nowhere_and_no_page_is_heavy(page):
    file = BOOK / f"{page}.html"
    html = file.read_text(encoding="utf-8")
    images = {path.stat().st_size for path in (BOOK / "_images").glob("*") if f"_images/{path.name}" in html}
    assert len(html.encode()) + sum(images) < LARGEST_PAGE
    for address in Links(html).addresses:
        if re.match(r"[a-z]+:", address):
            assert address.startswith(("https://", "http://", "mailto:", "data:")), address
            continue
        path, name = urldefrag(urljoin(f"/{page}.html", address))
        target = BOOK / unquote(path.split("?")[0]).lstrip("/")
        assert target.is_file(), f"{page} points to {address}"
        if name and target.suffix == ".html":
            assert unquote(name) in Links(target.read_text(encoding="utf-8")).names, (
                f"{page} points to {address}"
            )


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_picture_has_a_text_in_its_place(chapter):
    html = (BOOK / "chapters" / f"{chapter}.html").read_text(encoding="utf-8")
    article = html[html.index("<article") : html.index("</article>")]
    alts = Links(article).alts
    assert alts
    for alt in alts:  # MyST-NB falls back on the name of the file
        assert len(alt.split()) > 5, f"{chapter}: give the cell of this picture an alt text: {alt!r}"


def test_the_map_shows_every_chapter_and_links_those_there_are(open_page, book):
    page = open_page(book)
    page.wait_for_url("**/chapters/index.html")
    entries = page.locator(".course-map li")
    assert entries.count() == 31
    links = page.locator(".course-map li a")
    assert [link.get_attribute("href") for link in links.all()] == [f"{name}.html" for name in CHAPTERS]
    for name in CHAPTERS:
        page.locator(f".course-map a[href='{name}.html']").click()
        page.wait_for_url(f"**/{name}.html")
        page.go_back()


def test_search_finds_a_chapter(open_page, book):
    page = open_page(book, "chapters/index.html")
    page.locator(".search-button-field:visible").first.click()
    page.keyboard.type("roofline")
    page.keyboard.press("Enter")
    page.locator("#search-results li a", has_text="Welcome").first.wait_for()


@pytest.mark.parametrize("page", TEXTS[1:])
def test_the_reference_fits_its_column(open_page, book, page):
    opened = open_page(book, f"{page}.html")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.locator("dl.py, table").count()


@pytest.mark.parametrize("page", PAGES)
def test_every_button_does_something(open_page, book, page):
    opened = open_page(book, f"{page}.html")
    for name in ("Launch", "Repository", "Edit", "Issue"):
        assert opened.get_by_role("link", name=name).count() == 0
    opened.locator(".theme-switch-button:visible").click()
    opened.locator(".primary-toggle:visible").click()
    if page in TEXTS:
        return  # notebooks can be taken home
    downloads = opened.locator(".dropdown-download-buttons")
    downloads.get_by_role("button").first.click()
    with opened.expect_download() as download:
        downloads.locator("a[href*='_sources']").click()
    assert download.value.suggested_filename == f"{page.rsplit('/', 1)[1]}.ipynb"


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_widget_answers(open_page, book, chapter, theme):
    page = open_page(book, f"chapters/{chapter}.html", color_scheme=theme)
    expected = len(re.findall('"model_name": "AnyModel"', (BOOK / f"chapters/{chapter}.html").read_text()))
    assert expected >= 3
    page.locator(".wts").nth(expected - 1).wait_for()
    answers(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def answers(page):
    """Move every widget of a page with the keyboard, then with the mouse, and see that what it says changes."""
    for question in page.locator(".wts-prediction").all():
        key = question.get_attribute("data-key")
        note = question.locator("[aria-live]")
        before = note.inner_text()
        question.locator("input").first.focus()
        page.keyboard.press("Space" if question.locator("input[type=radio]").count() else "ArrowRight")
        assert note.inner_text() != before, key
        after = note.inner_text()
        question.locator("input").nth(-1).click()
        if question.locator("input[type=radio]").count():
            assert note.inner_text() != after, key
        text = question.locator("legend").inner_text()
        results = page.locator(".wts-comparison", has_text=text)
        assert results.count() >= 1, f"the guess on {text!r} is never compared"
        assert "You guessed" in results.first.locator(".wts-verdict").inner_text()

    for widget in page.locator(".wts-distribution").all():
        slider = widget.get_by_role("slider", name="Threshold")
        readout = widget.locator(".wts-readout")
        states = [readout.inner_text()]
        slider.focus()
        page.keyboard.press("PageUp")
        states.append(readout.inner_text())
        box = slider.bounding_box()
        page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2)
        states.append(readout.inner_text())
        layers = widget.get_by_label("Layer").locator("option").all_inner_texts()
        widget.get_by_label("Layer").select_option(layers[-1])
        states.append(readout.inner_text())
        assert len(set(states)) >= (4 if len(layers) > 1 else 3), states
        linear = widget.locator("svg").first.text_content()
        widget.get_by_label("Counts").select_option("logarithmic")
        assert widget.locator("svg").first.text_content() != linear

    for widget in page.locator(".wts-roofline").all():
        handle, readout = widget.get_by_role("slider"), widget.locator(".wts-readout")
        states = [readout.inner_text()]
        handle.focus()
        page.keyboard.press("PageUp")
        states.append(readout.inner_text())
        box = handle.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] - 40, box["y"], steps=3)
        page.mouse.up()
        states.append(readout.inner_text())
        platform = widget.get_by_role("combobox", name="Platform")
        platform.select_option(platform.locator("option").all_inner_texts()[-1])
        states.append(readout.inner_text())
        assert len(set(states)) == 4, states

    for widget in page.locator(".wts-map").all():
        about = widget.locator(".wts-about")
        widget.locator("[tabindex='0']").focus()
        first = about.inner_text()
        page.keyboard.press("ArrowDown")
        second = about.inner_text()
        widget.locator("li", has_text="Practice").hover()
        assert len({first, second, about.inner_text()}) == 3
