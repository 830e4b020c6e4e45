"""The watch over the pages sees what it is there to see."""

from tests.browser.conftest import Watch, serving

PAGE = """<!DOCTYPE html><link rel="icon" href="data:,"><script>
console.error("said");
fetch("https://example.org/tracker").catch(() => {});
fetch("https://cdn.jsdelivr.net/npm/not-listed@1.0.0/index.js").catch(() => {});
setTimeout(() => { throw new Error("thrown"); });
</script>"""


def test_errors_and_foreign_requests_are_seen(browser, tmp_path):
    (tmp_path / "index.html").write_text(PAGE)
    with serving(tmp_path) as address:
        page = browser.new_page()
        watch = Watch(page, address)
        page.goto(address)
        page.wait_for_timeout(500)
        page.close()
    seen = "\n".join(watch.problems)
    for problem in ("console: said", "foreign request: https://example.org", "not in node_modules", "thrown"):
        assert problem in seen
