"""Portraits by name: those that ship with Visavis, those that a user added, and in development the shared ones.

    image, face, rig = open_portrait("bridgewater-madonna", assets=AssetStore())

A name is looked for among the added portraits, the built-in ones that are here, the shared ones (`VISAVIS_SHARED`, by
file name or its unique ending), and the built-in ones that must be fetched, in this order. A path to a picture file
works wherever a name does.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

from visavis.assets import AssetStore
from visavis.errors import InputError, OutputError
from visavis.files import advice_on, kind_of, printable
from visavis.images import IMAGE_SUFFIXES, read_image, resize
from visavis.portrait.card import CARD_FILE, Card, read_card, write_card
from visavis.portrait.names import ends_with, nearest, spelt_out
from visavis.portrait.rig import Rig, make_rig
from visavis.portrait.sitter import choose_sitter
from visavis.types import Face, Image

__all__ = [
    "DEFAULT_PORTRAIT",
    "Gallery",
    "OpenPortrait",
    "Portrait",
    "find_sitter_of",
    "open_portrait",
]

#: The portrait that needs nothing but a package index.
DEFAULT_PORTRAIT: Final = "bridgewater-madonna"

Origin = Literal["built-in", "added", "shared", "file"]

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
#: Names that a file system keeps for itself; data folders get carried about between machines.
_RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
)


@dataclass(frozen=True, slots=True)
class Portrait:
    """One portrait of the gallery.

    Attributes:
        name: how it is asked for; of a file, its path.
        origin: `built-in`, `added`, `shared` or `file`.
        path: the picture file, or None when it has not been fetched yet.
        title, artist, year, museum, licence: for people; "" where unknown.
        face: which face is the sitter's, 1 for the biggest, or None where nobody chose.
    """

    name: str
    origin: Origin
    path: Path | None
    title: str = ""
    artist: str = ""
    year: str = ""
    museum: str = ""
    licence: str = ""
    face: int | None = None


class OpenPortrait(NamedTuple):
    """A portrait ready to play: the painting (H, W, 3) uint8 RGB, its sitter's face, and the rig."""

    image: Image
    face: Face
    rig: Rig


def _default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("visavis")) / "portraits"


@dataclass(frozen=True, slots=True)
class Gallery:
    """All portraits that can be asked for by name. Building one reads nothing.

    Args:
        assets: where the built-in portraits come from.
        folder: where added portraits are kept; None for the user's data folder.
        shared: root of the shared material; None for `VISAVIS_SHARED`.

    >>> "bridgewater-madonna" in [portrait.name for portrait in Gallery(AssetStore()).entries()]
    True
    """

    assets: AssetStore = field(default_factory=AssetStore)
    folder: Path | None = None
    shared: Path | None = None

    def entries(self) -> tuple[Portrait, ...]:
        """Every portrait that has a name: built-in, then added, then shared; never fetches.

        An added portrait whose card is damaged is left out; `damaged` tells of it.

        Raises:
            AssetError: a local file of a built-in portrait is not the genuine one.
        """
        added = []
        for name in self._added_names():
            try:
                added.append(self._added(name))
            except InputError:
                continue  # one card must not keep the other portraits away
        return (*self._builtin(), *added, *self._of_shared())

    def damaged(self) -> tuple[str, ...]:
        """What is wrong with each added portrait that `entries` leaves out, and what to do; for people."""
        reasons = []
        for name in self._added_names():
            try:
                self._added(name)
            except InputError as error:
                reasons.append(str(error))
        return tuple(reasons)

    def find(self, name: str | os.PathLike[str], *, fetch: bool = True) -> Portrait:
        """The portrait of that name or path, with its picture file.

        Args:
            name: a name, or the path of a picture file.
            fetch: bring a built-in portrait that is not here yet; otherwise its `path` is None.

        Raises:
            InputError: there is none, and the message offers the nearest names or lists what there is; or its own card
                is damaged.
            AssetError: a built-in portrait cannot be fetched, or is not genuine.
        """
        text = os.fspath(name)
        path = Path(text)
        if isinstance(name, os.PathLike) or path.suffix.lower() in IMAGE_SUFFIXES or len(path.parts) > 1:
            if _kind_of(path) != "file":
                raise InputError(f"{text} is not a file; expected a picture, or a name of: visavis portrait list")
            return Portrait(text, "file", path)
        if text in self._added_names():
            return self._added(text)
        builtin = {portrait.name: portrait for portrait in self._builtin()}
        if text in builtin and builtin[text].path is not None:
            return builtin[text]
        matches = [portrait for portrait in self._of_shared() if portrait.path and ends_with(portrait.path.stem, text)]
        exact = [portrait for portrait in matches if portrait.path and text in (portrait.name, portrait.path.stem)]
        if exact or len(matches) == 1:
            return (exact or matches)[0]
        if text in builtin:
            return self.fetch(text) if fetch else builtin[text]
        if matches:
            raise InputError(
                f"{text!r} may be {', '.join(portrait.name for portrait in matches)}; give more of the name"
            )
        kind = _kind_of(path)
        if kind == "file":
            return Portrait(text, "file", path)
        if kind == "folder":
            raise InputError(f"{text} is a folder; expected one picture, or a name of: visavis portrait list")
        named = [*self._added_names(), *builtin]
        raise InputError(f"there is no portrait {text!r} and no such file; {self._hint(text, named)}")

    def fetch(self, name: str) -> Portrait:
        """Bring a built-in portrait to this machine, verified.

        Raises:
            InputError: no built-in portrait has that name.
            AssetError: it cannot be fetched, or is not genuine.
        """
        names = [portrait.name for portrait in self._builtin()]
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
            raise InputError(f"there is no built-in portrait {name!r}; {hint}")
        self.assets.path(name)
        return next(portrait for portrait in self._builtin() if portrait.name == name)

    def add(
        self, picture: Path, *, name: str, title: str = "", artist: str = "", face: int | None = None
    ) -> tuple[Portrait, Rig]:
        """Copy a picture into the gallery, once it is sure that it can be rigged.

        Args:
            picture: the file; it is copied as it is, byte for byte.
            name: small letters, digits, `-`, `_` and `.`, at most 64.
            title: for people; "" for the file's name.
            artist: for people.
            face: which face is the sitter's, 1 for the biggest; None where there is no doubt.

        Returns:
            The portrait and its rig.

        Raises:
            InputError: the name is not plain or is taken, the picture cannot be read or rigged (RigError, NoFaceError).
            OutputError: the data folder cannot be written.
        """
        if not _NAME.fullmatch(name) or name.split(".")[0] in _RESERVED:
            raise InputError(
                f"{name!r} cannot be a portrait's name: expected small letters, digits, '-', '_' or '.', at most 64, "
                "with a letter or digit at both ends, such as mona-lisa"
            )
        if Path(name).suffix in IMAGE_SUFFIXES:
            raise InputError(f"{name!r} looks like a file; leave out {Path(name).suffix}")
        if name in self._added_names() or any(portrait.name == name for portrait in self._builtin()):
            raise InputError(f"there is a portrait {name!r} already; choose another name, or remove it first")
        rig = open_portrait(picture, assets=self.assets, face=face, gallery=self).rig
        target = self._root() / name
        temporary = target.with_name(f".{name}.{secrets.token_hex(4)}.part")
        suffix = picture.suffix.lower() if picture.suffix.lower() in IMAGE_SUFFIXES else ".png"
        card = Card(f"painting{suffix}", printable(title or picture.stem), printable(artist), face)
        try:
            temporary.mkdir(parents=True)
            shutil.copyfile(picture, temporary / card.file)
            write_card(temporary, card)
            # A folder takes its name in one step, with the picture and the card in it, or not at all.
            temporary.rename(target)
        except OSError as error:
            raise OutputError(f"cannot add to {self._root()}: {error.strerror or error}; {advice_on(error)}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return self.find(name), rig

    def remove(self, name: str) -> None:
        """Take an added portrait out of the gallery, even one whose card is damaged; its copy is deleted.

        Raises:
            InputError: no added portrait has that name.
            OutputError: the data folder cannot be written.
        """
        if name not in self._added_names():
            raise InputError(f"{name!r} is no added portrait; only those can be removed (see: visavis portrait list)")
        target = self._root() / name
        leaving = target.with_name(f".{name}.{secrets.token_hex(4)}.part")
        try:
            target.rename(leaving)
            shutil.rmtree(leaving)
        except OSError as error:
            raise OutputError(f"cannot remove {target}: {error.strerror or error}; check its permissions") from error

    def _hint(self, text: str, named: Sequence[str]) -> str:
        """What to ask for instead of `text`; `named` are the added and built-in portraits."""
        shared = [portrait.name for portrait in self._of_shared()]
        near = nearest(text, [*named, *shared])
        if near:
            return f"did you mean {' or '.join(near)}? All names: visavis portrait list"
        more = f", and the {len(shared)} shared of: visavis portrait list" if shared else ""
        return f"by name there are: {', '.join(named)}{more}"

    def _root(self) -> Path:
        return self.folder or _default_folder()

    def _builtin(self) -> tuple[Portrait, ...]:
        return tuple(
            Portrait(
                name=asset.name,
                origin="built-in",
                path=self.assets.find(asset.name),
                title=asset.title,
                artist=asset.artist,
                year=asset.year,
                museum=asset.museum,
                licence=asset.licence,
            )
            for asset in self.assets.entries()
            if asset.kind == "artwork"
        )

    def _added_names(self) -> list[str]:
        """By their folders alone: no card is read."""
        folders = [card.parent.name for card in self._root().glob(f"*/{CARD_FILE}")]
        return sorted(name for name in folders if not name.startswith("."))

    def _added(self, name: str) -> Portrait:
        folder = self._root() / name
        card = read_card(folder)
        return Portrait(name, "added", folder / card.file, title=card.title, artist=card.artist, face=card.face)

    def _of_shared(self) -> tuple[Portrait, ...]:
        root = self.shared or (Path(os.environ["VISAVIS_SHARED"]) if os.environ.get("VISAVIS_SHARED") else None)
        if root is None:
            return ()
        pictures = sorted((root / "data" / "portraits" / "images").glob("*"))
        pictures = [path for path in pictures if path.suffix.lower() in IMAGE_SUFFIXES]
        endings = Counter(path.stem.split("__")[-1] for path in pictures)
        shared = []
        for path in pictures:
            artist, _, ending = path.stem.rpartition("__")
            name = ending if endings[ending] == 1 else path.stem
            shared.append(Portrait(name, "shared", path, title=spelt_out(ending), artist=spelt_out(artist)))
        return tuple(shared)


def open_portrait(
    name: str | os.PathLike[str],
    *,
    assets: AssetStore,
    face: int | None = None,
    height: int | None = None,
    gallery: Gallery | None = None,
) -> OpenPortrait:
    """Read a portrait, find its sitter and rig it.

    Args:
        name: of a portrait of the gallery, or the path of a picture file.
        assets: where models and built-in portraits come from.
        face: which face, 1 for the biggest; None for the one chosen when the portrait was added, or the biggest.
        height: resize the painting to so many pixels before it is rigged; None leaves it as it is.
        gallery: None for the user's own.

    Raises:
        InputError: no such portrait or picture; NoFaceError or RigError with the reason when it cannot be rigged.
        AssetError: a model or the portrait cannot be had.

    >>> image, face, rig = open_portrait("bridgewater-madonna", assets=AssetStore())   # doctest: +SKIP
    """
    image, sitter = find_sitter_of(name, assets=assets, face=face, height=height, gallery=gallery)
    return OpenPortrait(image, sitter, make_rig(image, sitter))


def find_sitter_of(
    name: str | os.PathLike[str],
    *,
    assets: AssetStore,
    face: int | None = None,
    height: int | None = None,
    gallery: Gallery | None = None,
) -> tuple[Image, Face]:
    """Read a portrait and find its sitter, without rigging it; arguments and errors as for `open_portrait`."""
    from visavis.faces import FaceFinder

    portrait = (gallery or Gallery(assets)).find(name)
    assert portrait.path is not None  # `find` fetches
    image = read_image(portrait.path)
    if height is not None:
        image = resize(image, height=height)
    number = portrait.face if face is None else face
    with FaceFinder(assets, require_landmarks=False) as finder:
        sitter = choose_sitter(finder.find(image), number=number, name=portrait.name)
        return image, finder.righted(image, sitter)


def _kind_of(path: Path) -> str | None:
    try:
        return kind_of(path)
    except OSError as error:
        raise InputError(f"{path} cannot be reached: {error.strerror}; check its folder's permissions") from None
