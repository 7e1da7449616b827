"""The house stands: what may import what, what is public, and what the project never says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import visavis

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "visavis"

# What each room may import of ours; a room that is not named may import anything but those in `TOP`.
TOP = {"lab", "stage", "cli"}
ALLOWED = {
    "types": set[str](),
    "errors": set[str](),
    "config": {"errors"},
    "files": {"errors"},
    "downloads": {"errors"},
    "assets": {"downloads", "errors", "files"},
    "images": {"errors", "files", "types"},
    "sources": {"errors", "files", "images", "types"},
    "faces": {"assets", "errors", "files", "images", "types"},
    "reading": {"assets", "config", "errors", "faces", "files", "images", "sources", "types"},
    "gif": {"errors", "files", "types"},
    "video": {"errors", "files", "gif", "images", "sources", "types"},
    "portrait": {"assets", "errors", "faces", "files", "images", "reading", "sources", "types", "video"},
}
HEAVY = {"av", "cv2", "keras", "matplotlib", "mediapipe", "numba", "onnx", "onnxruntime", "PIL", "pyarrow", "scipy"}
HEAVY |= {"torch", "visavis.portrait.loops"}  # the loops bring numba


def imports_of(path: Path, *, top_level_only: bool) -> Iterator[str]:
    """Dotted names that a file imports; those for type checkers alone do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_checkers = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in tree.body if top_level_only else ast.walk(tree):
        if id(node) in for_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # What the package offers by its own name comes from the room where it lives.
            if node.module == "visavis":
                yield from (visavis._HOME_OF.get(alias.name, f"visavis.{alias.name}") for alias in node.names)
            else:
                yield node.module


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def test_layers_point_one_way() -> None:
    broken = []
    for path in PACKAGE.rglob("*.py"):
        room = room_of(path)
        if room in ("__init__", "__main__"):
            continue
        for name in imports_of(path, top_level_only=False):
            parts = name.split(".")
            if parts[0] != "visavis" or len(parts) < 2 or parts[1] == room:
                continue
            allowed = ALLOWED.get(room)
            if (allowed is not None and parts[1] not in allowed) or (room not in TOP and parts[1] in TOP):
                broken.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not broken


def test_the_portrait_keeps_out_of_the_inside_of_faces() -> None:
    inside = [
        f"{path.name} imports {name}"
        for path in (PACKAGE / "portrait").rglob("*.py")
        for name in imports_of(path, top_level_only=False)
        if name.startswith("visavis.faces.")
    ]
    assert not inside


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    # The laboratory as a whole is imported only by those who train, and the compiled loops by those who call them.
    early = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in PACKAGE.rglob("*.py")
        if room_of(path) not in ("lab", "images") and path.parent.name != "loops"
        for name in imports_of(path, top_level_only=True)
        if any(f"{name}.".startswith(f"{heavy}.") for heavy in HEAVY)
    ]
    assert not early


def test_importing_visavis_loads_nothing_heavy() -> None:
    code = f"import sys, visavis; print(sorted({HEAVY | {'numpy', 'pydantic', 'typer', 'rich'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_onnx_runtime_is_told_to_keep_to_itself() -> None:
    code = "import os, visavis; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_every_public_name_is_there() -> None:
    assert len(set(visavis.__all__)) == len(visavis.__all__) == 24
    for name in visavis.__all__:
        assert getattr(visavis, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'find_face'"):
        visavis.find_face  # noqa: B018


def test_no_file_outgrows_its_noun() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")
    }
    assert not {str(path): length for path, length in lengths.items() if length > 400}


@pytest.mark.parametrize("folder", ["src", "tests", "docs", "benchmarks", "examples", "tools"])
def test_the_project_speaks_of_itself_alone(folder: str) -> None:
    # Absolute paths of somebody's machine do not belong into the project.
    path_of_a_machine = re.compile(r"(?<![\w.])/(work|home|root|Users)/\w+")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".toml", ".js", ".html", ".sh", ".css"}
        for line in path.read_text(encoding="utf-8").splitlines()
        if path_of_a_machine.search(line)
    ]
    assert not found


def test_the_models_that_ship_do_not_tell_where_they_were_made() -> None:
    # Exporters note for each step the file and the line that asked for it.
    models = list(PACKAGE.rglob("*.onnx"))
    assert len(models) == 2
    for path in models:
        assert b"site-packages" not in path.read_bytes(), path.name
