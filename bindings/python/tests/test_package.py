"""The stubs match the package, the examples run, and the types check."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PHOTOGRAPH, ROOT
from PIL import Image

import ansel

BINDINGS = ROOT / "bindings/python"


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=BINDINGS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_and_its_tests_are_typed() -> None:
    run("-m", "mypy", "python/ansel")


def test_the_stubs_are_those_of_the_extension() -> None:
    run("-m", "mypy.stubtest", "ansel._ansel")


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(ansel).failed == 0


@pytest.mark.parametrize("page", ["bindings/python/README.md", "docs/clusters.md"])
def test_the_examples_of_the_pages_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Image.open(PHOTOGRAPH) as photograph:
        part = photograph.crop((300, 150, 500, 350))
    part.save("photo.png")
    for folder in ("photographs", "photographs/2026"):
        Path(folder).mkdir()
        part.save(f"{folder}/photo.png")
    names: dict[str, object] = {"__name__": "example"}
    examples = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        exec(compile(example, page, "exec"), names)
