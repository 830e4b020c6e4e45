"""A real browser for the tests: pages served on this machine, the CDN's files from node_modules, no other host."""

import contextlib
import functools
import re
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ipywidgets.embed import dependency_state, embed_minimal_html

from tests.requirements import need

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BOOK = ROOT / "_build" / "html"
NODE_MODULES = HERE / "node_modules"
CDN = re.compile(r"https://cdn\.jsdelivr\.net/npm/(?P<package>(?:@[^/@]+/)?[^/@]+)@[^/]+/(?P<path>[^?#]+)")
MANAGER = "https://cdn.jsdelivr.net/npm/@jupyter-widgets/html-manager@1.0.15/dist/embed-amd.js"
REQUIRE = '<script src="https://cdn.jsdelivr.net/npm/requirejs@2.3.7/require.js"></script>'
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def serving(folder):
    """Serve a folder on a free port of this machine; gives the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Watch:
    """What a page must not do: write an error to the console, throw, or ask a host that is neither its own nor the CDN."""

    def __init__(self, page, address):
        self.problems = []
        self.address = address
        page.on("console", lambda message: self._console(message))
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.route("**/*", self._route)

    def _console(self, message):
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _route(self, route):
        url = route.request.url
        if url.startswith(self.address):
            route.continue_()
        elif found := CDN.match(url):
            file = NODE_MODULES / found["package"] / found["path"]
            if file.is_file():
                route.fulfill(path=str(file), headers={"access-control-allow-origin": "*"})
            else:
                self.problems.append(f"not in node_modules: {url}")
                route.abort()
        else:
            self.problems.append(f"foreign request: {url}")
            route.abort()


@pytest.fixture(scope="session")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    need(chromium, "chromium", "apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """open_page(address, path) gives a page that is watched; what it did wrong fails the test at its end."""
    need(
        (NODE_MODULES / "anywidget").is_dir(),
        "the CDN's files",
        "npm ci --ignore-scripts --prefix tests/browser",
    )
    contexts, watches = [], []

    def open_page(address, path="", **options):
        context = browser.new_context(viewport={"width": 1200, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        watches.append(Watch(page, address))
        page.goto(f"{address}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    problems = [problem for watch in watches for problem in watch.problems]
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def book():
    """The address of the built book."""
    need((BOOK / "index.html").is_file(), "the built book", "make book")
    with serving(BOOK) as address:
        yield address


@pytest.fixture
def show(tmp_path, open_page):
    """show(*widgets) gives the page that holds them."""
    with serving(tmp_path) as address:

        def show(*widgets, theme="light", **options):
            file = tmp_path / "index.html"
            state = dependency_state(widgets, drop_defaults=False)
            embed_minimal_html(file, views=widgets, state=state, embed_url=MANAGER)
            page = re.sub(r'<script src="https://cdnjs[^>]*></script>', REQUIRE, file.read_text())
            page = page.replace(f'"{MANAGER}"', f'"{MANAGER}" data-jupyter-widgets-cdn-only')
            file.write_text(page.replace("<html", f'<html data-theme="{theme}"', 1))
            opened = open_page(address, "index.html", **options)
            opened.locator(".wts").nth(len(widgets) - 1).wait_for()
            return opened

        yield show


def readout(page, name):
    """Value and remark of one entry below a widget."""
    entry = page.locator(".wts-readout > div", has=page.locator(f".wts-name:text-is('{name}')"))
    return "\n".join(entry.locator(".wts-value, .wts-remark").all_inner_texts())


def fits(page, width):
    """Give the page a width: nothing reaches beyond it, and no text or picture of a widget beyond its frame."""
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = page.evaluate(
        """() => [...document.querySelectorAll(".wts")].flatMap((widget) => {
            const frame = widget.getBoundingClientRect();
            return [...widget.querySelectorAll("svg text, canvas")].filter((part) => {
                const box = part.getBoundingClientRect();
                return box.left < frame.left - 1 || box.right > frame.right + 1;
            }).map((part) => part.textContent || part.tagName);
        })"""
    )
    assert outside == []


def tab_through(page):
    """Every control of the widgets, in the order of the Tab key, has a name and shows its focus; returns their number."""
    controls = page.locator(".wts :is(input, select, button, [role=slider]):visible").count()
    page.keyboard.press("Tab")
    for _ in range(controls):
        name, outline = page.evaluate(
            """() => {
                const node = document.activeElement, ring = node.querySelector(".ring");
                const label = node.getAttribute("aria-label") ?? node.labels?.[0]?.innerText ?? node.innerText;
                return [label, ring ? getComputedStyle(ring).strokeWidth : getComputedStyle(node).outlineWidth];
            }"""
        )
        assert name
        assert outline == "2px"
        page.keyboard.press("Tab")
    return controls


def plays(page):
    """Back, Step and Play of a widget, from the keyboard: within its ends, until a step by hand, and to the end."""
    slider = page.locator(".wts-slider input")

    def press(button):
        page.get_by_role("button", name=button, exact=True).press("Enter")

    slider.press("Home")
    for button, reached in (("Back", "0"), ("Step", "1"), ("Step", "2"), ("Back", "1")):
        press(button)
        assert slider.input_value() == reached
    press("Play")
    press("Back")
    assert page.get_by_role("button", name="Play").is_visible()
    press("Play")
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Play").wait_for()
    assert slider.input_value() == slider.get_attribute("max")


def in_browser(page, widget, function):
    """Call JavaScript `(module, model) => ...` with the widget's own browser module and its state, and return the result."""
    traits = {
        name: getattr(widget, name)
        for name in widget.traits(sync=True)
        if not name.startswith(("_", "comm", "layout", "tabbable", "tooltip"))
    }
    buffers = {name: value.decode("latin-1") for name, value in traits.items() if isinstance(value, bytes)}
    state = {name: value for name, value in traits.items() if name not in buffers}
    return page.evaluate(
        """async ([esm, state, buffers, text]) => {
            const module = await import(URL.createObjectURL(new Blob([esm], {type: "text/javascript"})));
            const bytes = Object.fromEntries(Object.entries(buffers).map(
                ([name, text]) => [name, new DataView(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer)]));
            return (0, eval)(text)(module, {get: (name) => bytes[name] ?? state[name]});
        }""",
        [widget._esm, state, buffers, function],
    )
