"""Write files so that nobody ever sees half of one."""

from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write a file in one step: who is killed leaves the old one or the new one. Makes its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
