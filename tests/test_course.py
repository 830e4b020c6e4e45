"""The course as data, the book's table of contents, and the commands that build and open it."""

import json
import re

import yaml

from effdl.widgets import CourseMap
from effdl.widgets.course import COURSE
from effdl.widgets.course_map import course_map
from tools import book
from tools.environment import ROOT

CHAPTERS = [chapter.file for part in COURSE for chapter in part.chapters]


def test_the_map_has_31_chapters_in_reading_order():
    assert [name[:2] for name in CHAPTERS] == [f"{number:02}" for number in range(31)]
    places = {part.place for part in COURSE}
    assert {"inference algorithms", "inference machines", "training algorithms", "training machines"} < places


def test_every_page_is_in_the_book_and_every_chapter_on_the_map():
    toc = yaml.safe_load((ROOT / "chapters" / "_toc.yml").read_text())
    pages = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    chapters = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))
    labs = sorted((ROOT / "labs").glob("*/*.ipynb"))
    there = [path.relative_to(ROOT).with_suffix("").as_posix() for path in [*chapters, *labs]]
    texts = [ROOT / "chapters/teaching.md", *(ROOT / "chapters").glob("simulator/*.md")]
    there += [path.relative_to(ROOT).with_suffix("").as_posix() for path in texts]
    assert sorted(pages) == sorted(there)
    assert {path.stem for path in chapters} <= set(CHAPTERS)


def test_the_map_names_chapters_by_their_titles():
    titles = {chapter.file: chapter.title for part in COURSE for chapter in part.chapters}
    for path in (ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"):
        first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
        assert "".join(first).split("\n")[0] == f"# {titles[path.stem]}"


def test_only_pages_that_are_there_are_links():
    html = course_map({"00_welcome", "02_pruning"})
    assert re.findall(r'href="([^"]*)"', html) == ["00_welcome.html", "02_pruning.html"]
    assert html.count("<li") == 31
    assert html.count("wts-coming") == 29


def test_the_widget_looks_into_the_folder(tmp_path):
    (tmp_path / "17_tpu.ipynb").touch()
    assert 'href="17_tpu"' in CourseMap(tmp_path).html
    assert "href" not in CourseMap(tmp_path / "nowhere").html
    assert "Part I. Smaller (14 chapters)" in repr(CourseMap(tmp_path))


def test_chapters_run_again_when_a_library_changes(tmp_path):
    for name in ("effdl", "hwsim"):
        (tmp_path / name).mkdir()
    (tmp_path / "constraints.txt").write_text("numpy==2\n")
    (tmp_path / "effdl" / "data.py").write_text("ONE = 1\n")
    book.refresh_cache(tmp_path)
    cached = tmp_path / book.CACHE / "executed.ipynb"
    cached.touch()
    book.refresh_cache(tmp_path)
    assert cached.exists()
    (tmp_path / "effdl" / "data.py").write_text("ONE = 2\n")
    book.refresh_cache(tmp_path)
    assert not cached.exists()


def test_no_folder_beside_the_chapters_has_the_name_of_a_package():
    """A notebook runs in its own folder, where `import hwsim` would find such a folder first."""
    packages = {"hwsim", "effdl", "grading"}
    for folder in ("chapters", "solutions", "labs"):
        assert not packages & {path.name for path in (ROOT / folder).rglob("*") if path.is_dir()}
