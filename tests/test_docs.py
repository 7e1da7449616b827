"""The documentation says what is there: commands, links, and commands named in the text."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from visavis.cli import VERBS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_command_reference_is_what_the_commands_say() -> None:
    written = runpy.run_path(str(ROOT / "tools" / "write_cli_reference.py"))["page"]()
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == written, "run: make docs"


def test_the_table_of_the_basis_is_what_the_basis_holds() -> None:
    written = runpy.run_path(str(ROOT / "tools" / "write_basis_table.py"))["page"]()
    assert (ROOT / "docs" / "basis.md").read_text(encoding="utf-8") == written, "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    broken = [t for t in targets if not t.startswith(("http://", "https://")) and not (page.parent / t).exists()]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_commands_exist(page: Path) -> None:
    blocks = re.findall(r"```.*?```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = {verb for block in blocks for verb in re.findall(r"^\s*visavis ([a-z]+)", block, flags=re.MULTILINE)}
    assert named <= set(VERBS)
