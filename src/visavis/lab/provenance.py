"""Where a run came from: versions, commit, processor, and hashes of all that went in."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

from visavis import __version__
from visavis.lab.recipe import Recipe
from visavis.lab.training_data import TrainingData

__all__ = ["commit", "processor", "provenance"]

_PACKAGES = ("numpy", "torch", "keras", "onnx", "onnxruntime", "mediapipe", "pillow")


def commit() -> str:
    """The commit of the source tree that runs, `+` when it has changes, or an empty string outside a repository."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "."], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def provenance(recipe: Recipe, data: TrainingData, *, half: bool, world: int) -> dict[str, Any]:
    """What a run folder keeps about its origin."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "visavis": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": versions,
        "processor": processor(),
        "precision": "bfloat16" if half else "float32",
        "processes": world,
        "data": data.fingerprint,
        "pixels": data.store.key,
        "exact_pixels": data.exact.key,
        "rows": {"train": len(data.train), "val": len(data.val)},
        "attributes": list(data.attributes),
        "seed": recipe.seed,
    }
