"""Spelling: codespell over Python, Markdown, and the text of the notebooks without their outputs."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools import notebooks

FOLDERS = ("chapters", "effdl", "grading", "hwsim", "solutions", "tests", "tools")
SUFFIXES = {".py", ".md", ".js", ".css"}
IGNORED = Path(__file__).with_name("spelling.txt")


def texts(root: Path) -> list[Path]:
    """The text files to check: those of the folders, and what stands at the root."""
    found = [*root.glob("*"), *(path for folder in FOLDERS for path in (root / folder).rglob("*"))]
    ours = (path for path in found if not {"node_modules", "_build"} & set(path.relative_to(root).parts))
    return sorted(path for path in ours if path.suffix in SUFFIXES and path.is_file())


def problems(root: Path) -> Iterator[str]:
    """Yield every word that codespell knows as a mistake, as `path:line: wrong ==> right`."""
    with tempfile.TemporaryDirectory() as folder:
        for path in notebooks.paths(root, "chapters", "solutions"):
            _write_cells(path, Path(folder) / path.relative_to(root))
        command = [sys.executable, "-m", "codespell_lib", "--ignore-words", str(IGNORED), folder]
        command += [str(path) for path in texts(root)]
        result = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
        for line in result.stdout.splitlines():
            yield line.replace(f"{folder}/", "").replace(f"{root}/", "")
        if result.returncode and not result.stdout:
            yield f"codespell: {result.stderr.strip()}"


def _write_cells(path: Path, folder: Path) -> None:
    """Write each cell's source to a file named after the cell, so that codespell names the cell."""
    try:
        cells = notebooks.read(path)["cells"]
    except notebooks.NotebookError:
        return  # the form stage reports it
    folder.mkdir(parents=True)
    for cell in cells:
        (folder / cell["id"]).write_text(cell["source"] + "\n", encoding="utf-8")
