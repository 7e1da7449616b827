"""The examples in docstrings hold."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import visavis

ROOT = Path(visavis.__file__).parent
#: Modules with an example that is not marked as one that only shows, such as those that would need a camera.
MODULES = sorted(
    ".".join(("visavis", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if any(">>>" in line and "+SKIP" not in line for line in path.read_text(encoding="utf-8").splitlines())
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    for example in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
    assert runner.tries, "no example was run"


def test_there_are_examples_to_run() -> None:
    assert len(MODULES) > 40
