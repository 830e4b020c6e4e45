"""Take the README's pictures of the built book: python -m tests.browser.screenshots [folder, docs by default]."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import BOOK, CHROMIUM_ARGS, ROOT, Watch, serving

SIZE = {"width": 1280, "height": 1000}


def front(page: Page, address: str) -> None:
    """The front page with the map of the course."""
    page.goto(f"{address}/chapters/index.html")
    page.locator(".course-map").wait_for()


def pruning(page: Page, address: str) -> None:
    """The pruning chapter: the weights of the network with a threshold."""
    page.goto(f"{address}/chapters/02_pruning.html")
    widget = page.locator(".wts-distribution").first
    widget.locator("svg").first.wait_for()
    widget.evaluate("(node) => node.scrollIntoView({ block: 'end' })")
    page.mouse.wheel(0, 30)


def main(folder: Path) -> None:
    """Save both pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving(BOOK) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGS)
        for take in (front, pruning):
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            watch = Watch(page, address)
            take(page, address)
            page.wait_for_timeout(1000)
            file = folder / f"{take.__name__}.png"
            page.screenshot(path=file)
            print(f"{file}: {file.stat().st_size / 1000:.0f} kB", *watch.problems, sep="\n  ")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
