"""Portraits by name: found, added whole or not at all, and refused with the reason."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from visavis.assets import Asset, AssetStore
from visavis.errors import AssetError, InputError, NoFaceError, OutputError, RigError
from visavis.images import write_image
from visavis.portrait.gallery import (
    DEFAULT_PORTRAIT,
    Gallery,
    OpenPortrait,
    find_sitter_of,
    open_portrait,
)
from visavis.portrait.sitter import choose_sitter
from visavis.types import Face, Image


@pytest.fixture
def gallery(assets: AssetStore, tmp_path: Path) -> Gallery:
    return Gallery(assets, folder=tmp_path / "portraits", shared=tmp_path / "shared")


@pytest.fixture(scope="module")
def head(madonna: OpenPortrait) -> Image:
    """The Madonna's head alone: one face, and a small picture."""
    x0, y0, x1, y1 = madonna.rig.grid.box
    return np.ascontiguousarray(madonna.image[max(y0 - 60, 0) : y1 + 60, max(x0 - 60, 0) : x1 + 60])


def face(x: float, y: float, side: float, *, meshed: bool = True) -> Face:
    box = np.array([x, y, x + side, y + side], np.float32)
    return Face(box, landmarks=np.zeros((478, 3), np.float32) if meshed else None)


def test_twelve_portraits_come_from_commons(gallery: Gallery) -> None:
    fetched = [asset for asset in gallery.assets.entries() if any("commons.wikimedia.org" in s for s in asset.sources)]
    assert len(fetched) == 12
    for asset in fetched:
        assert asset.kind == "artwork"
        assert asset.sources[0].isascii()
        assert " " not in asset.sources[0]
        assert all((asset.artist, asset.title, asset.year, asset.museum))
        assert asset.licence == "public domain"


def test_a_builtin_portrait_is_found_by_name(gallery: Gallery) -> None:
    portrait = gallery.find(DEFAULT_PORTRAIT)
    assert portrait.origin == "built-in"
    assert portrait.path is not None
    assert portrait.artist == "after Raphael"


def test_a_portrait_that_cannot_be_fetched_says_why(tmp_path: Path) -> None:
    entry = Asset(name="lost", kind="artwork", file="lost.jpg", sources=("shared:nowhere.jpg",), sha256="0" * 64)
    gallery = Gallery(
        AssetStore({"lost": entry}, cache_dir=tmp_path, folders=()), folder=tmp_path / "p", shared=tmp_path
    )
    assert gallery.find("lost", fetch=False).path is None
    with pytest.raises(AssetError, match="lost could not be fetched"):
        gallery.find("lost")
    with pytest.raises(InputError, match="no built-in portrait 'other'"):
        gallery.fetch("other")


def test_an_unknown_name_lists_what_there_is(gallery: Gallery, head: Image) -> None:
    with pytest.raises(InputError, match=r"no portrait 'nobody'.*there are: bridgewater-madonna, .*toledo$"):
        gallery.find("nobody")
    assert gallery.shared is not None
    write_image(gallery.shared / "data" / "portraits" / "images" / "hals__a-militiaman-drinking.png", head)
    with pytest.raises(InputError, match=r"toledo, and the 1 shared of: visavis portrait list$"):
        gallery.find("nobody")


@pytest.mark.parametrize("find", [Gallery.find, Gallery.fetch])
def test_the_nearest_names_are_offered(gallery: Gallery, find: Callable[[Gallery, str], object]) -> None:
    with pytest.raises(InputError, match=r"portrait 'monna-lisa'.* did you mean mona-lisa\?"):
        find(gallery, "monna-lisa")


def test_a_shared_portrait_is_offered_by_a_word_of_its_name(gallery: Gallery, head: Image) -> None:
    assert gallery.shared is not None
    write_image(gallery.shared / "data" / "portraits" / "images" / "hals__a-militiaman-drinking.png", head)
    with pytest.raises(InputError, match=r"did you mean a-militiaman-drinking\? All names: visavis portrait list"):
        gallery.find("militiaman")


@pytest.mark.parametrize("path", ["missing.jpg", "some/where", Path("missing")])
def test_a_missing_file_is_told_as_a_file(gallery: Gallery, path: str | Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        gallery.find(path)


def test_shared_portraits_go_by_their_unique_ending(gallery: Gallery, head: Image) -> None:
    assert gallery.shared is not None
    folder = gallery.shared / "data" / "portraits" / "images"
    for stem in ("raphael__la-velata", "giotto__madonna-and-child", "lippi__madonna-and-child"):
        write_image(folder / f"{stem}.png", head)
    assert gallery.find("la-velata").path == folder / "raphael__la-velata.png"
    assert gallery.find("velata").name == "la-velata"
    assert gallery.find("raphael__la-velata").artist == "Raphael"
    assert gallery.find("giotto__madonna-and-child").title == "Madonna and Child"
    assert gallery.find("giotto__madonna-and-child").path == folder / "giotto__madonna-and-child.png"
    with pytest.raises(InputError, match=r"may be giotto__madonna-and-child, lippi__madonna-and-child"):
        gallery.find("madonna-and-child")
    with pytest.raises(InputError, match="no portrait 'ata'"):
        gallery.find("ata")


def test_an_added_portrait_is_copied_found_and_removed(gallery: Gallery, head: Image, tmp_path: Path) -> None:
    picture = tmp_path / "Lady.png"
    write_image(picture, head)
    added, rig = gallery.add(picture, name="lady", title="A lady", face=1)
    assert added.origin == "added"
    assert added.face == 1
    assert rig.face_width > 100
    assert added.path is not None
    assert added.path.read_bytes() == picture.read_bytes()
    picture.unlink()
    assert gallery.find("lady").title == "A lady"
    assert "lady" in [portrait.name for portrait in gallery.entries()]
    with pytest.raises(InputError, match="there is a portrait 'lady' already"):
        gallery.add(added.path, name="lady")
    gallery.remove("lady")
    assert list((tmp_path / "portraits").iterdir()) == []
    with pytest.raises(InputError, match="no added portrait"):
        gallery.remove("lady")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mona",
        "mona lisa",
        "../up",
        "a/b",
        ".hidden",
        "-x",
        "x" * 65,
        "aux",
        "com1",
        "lpt9.old",
        "lisa.jpg",
        DEFAULT_PORTRAIT,
    ],
)
def test_a_name_that_cannot_be_used_is_refused_first(gallery: Gallery, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot be a portrait's name|looks like a file|there is a portrait"):
        gallery.add(tmp_path / "not-even-there.png", name=name)
    assert not (tmp_path / "portraits").exists()


def test_a_picture_that_cannot_be_rigged_leaves_nothing(gallery: Gallery, tmp_path: Path) -> None:
    picture = tmp_path / "wall.png"
    write_image(picture, np.full((200, 200, 3), 90, np.uint8))
    with pytest.raises(NoFaceError, match="no face was found"):
        gallery.add(picture, name="wall")
    assert not (tmp_path / "portraits").exists()


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "No space left on device; make room, or choose another disk"),
        (errno.EACCES, "Permission denied; check its permissions"),
    ],
    ids=["full", "forbidden"],
)
def test_a_copy_that_fails_leaves_nothing_and_says_what_to_do(
    gallery: Gallery, head: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    picture = tmp_path / "lady.png"
    write_image(picture, head)

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("visavis.portrait.gallery.shutil.copyfile", fail)
    with pytest.raises(OutputError, match=f"cannot add to .*portraits: {advice}"):
        gallery.add(picture, name="lady")
    assert list((tmp_path / "portraits").iterdir()) == []


DAMAGED = {
    "cut": "{",
    "no object": '["painting.png"]',
    "no file": '{"title": "A lady"}',
    "a file elsewhere": '{"file": "../../secret.png"}',
    "an absolute file": '{"file": "/etc/secret.png"}',
    "the folder": '{"file": ".."}',
    "face without end": '{"file": "painting.png", "face": 1e400}',
    "face 0": '{"file": "painting.png", "face": 0}',
    "deep": '{"file": "painting.png", "title": ' + "[" * 100_000,
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_card_is_named_and_keeps_nobody_else_away(
    gallery: Gallery, head: Image, tmp_path: Path, kind: str
) -> None:
    write_image(tmp_path / "sound.png", head)
    gallery.add(tmp_path / "sound.png", name="sound")
    card = tmp_path / "portraits" / "lady" / "portrait.json"
    card.parent.mkdir()
    card.write_text(DAMAGED[kind], encoding="utf-8")
    with pytest.raises(InputError, match=r"portrait\.json is damaged.*visavis portrait remove lady"):
        gallery.find("lady")
    assert gallery.find("sound").origin == "added"
    assert [portrait.name for portrait in gallery.entries() if portrait.origin == "added"] == ["sound"]
    assert [str(card) in reason for reason in gallery.damaged()] == [True]
    with pytest.raises(InputError, match="lady, sound"):
        gallery.find("nobody")
    gallery.remove("lady")
    assert not card.parent.exists()
    assert gallery.damaged() == ()


def test_a_portrait_can_be_added_beside_a_damaged_card(gallery: Gallery, head: Image, tmp_path: Path) -> None:
    card = tmp_path / "portraits" / "lady" / "portrait.json"
    card.parent.mkdir(parents=True)
    card.write_text("{", encoding="utf-8")
    write_image(tmp_path / "sound.png", head)
    with pytest.raises(InputError, match="there is a portrait 'lady' already"):
        gallery.add(tmp_path / "sound.png", name="lady")
    assert gallery.add(tmp_path / "sound.png", name="sound")[0].name == "sound"


def test_the_biggest_face_is_the_sitter() -> None:
    mother, child = face(0, 0, 200), face(300, 300, 160)
    assert choose_sitter((mother, child)) is mother
    assert choose_sitter((mother, child), number=2) is child


def test_two_people_of_one_size_need_a_choice() -> None:
    pair = face(0, 0, 200), face(300, 0, 190)
    with pytest.raises(RigError, match=r"several people of one size.*1: 200 pixels wide.*2: 190.*choose with --face"):
        choose_sitter(pair)
    assert choose_sitter(pair, number=2) is pair[1]
    with pytest.raises(RigError, match="there is no face 3"):
        choose_sitter(pair, number=3)


def test_a_profile_is_refused_and_not_exchanged_for_the_crowd() -> None:
    profile, bystander = face(0, 0, 300, meshed=False), face(500, 0, 60)
    with pytest.raises(NoFaceError, match="shows too little of itself"):
        choose_sitter((profile, bystander))
    assert choose_sitter((profile, bystander), number=2) is bystander
    assert choose_sitter((face(0, 0, 70, meshed=False), bystander)) is bystander
    with pytest.raises(NoFaceError, match="no face was found in wall"):
        choose_sitter((), name="wall")


def as_bytes(picture: Pillow.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def rotated(picture: Pillow.Image) -> bytes:
    """Stored on its side, with the EXIF tag that says so."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return as_bytes(picture.rotate(90, expand=True), "JPEG", quality=95, exif=exif)


def sixteen_bits(picture: Pillow.Image) -> bytes:
    grey = np.asarray(picture.convert("L"), np.uint16) * 257
    return as_bytes(Pillow.fromarray(grey), "PNG")


FORMS: dict[str, tuple[str, Callable[[Pillow.Image], bytes]]] = {
    "grey": ("jpg", lambda picture: as_bytes(picture.convert("L"), "JPEG", quality=95)),
    "16 bits": ("png", sixteen_bits),
    "alpha": ("png", lambda picture: as_bytes(picture.convert("RGBA"), "PNG")),
    "palette": ("gif", lambda picture: as_bytes(picture, "GIF")),
    "CMYK": ("jpg", lambda picture: as_bytes(picture.convert("CMYK"), "JPEG", quality=95)),
    "EXIF-rotated": ("jpg", rotated),
    "TIFF": ("tif", lambda picture: as_bytes(picture, "TIFF")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_picture_shows_the_same_sitter(
    assets: AssetStore, madonna: OpenPortrait, head: Image, tmp_path: Path, form: str
) -> None:
    suffix, write = FORMS[form]
    path = tmp_path / f"head.{suffix}"
    path.write_bytes(write(Pillow.fromarray(head)))
    image, sitter = find_sitter_of(path, assets=assets)
    assert image.shape == head.shape
    assert sitter.width == pytest.approx(madonna.face.width, rel=0.06)


def test_a_tiny_face_is_refused_with_what_to_do(assets: AssetStore, head: Image, tmp_path: Path) -> None:
    path = tmp_path / "tiny.png"
    Pillow.fromarray(head).resize((90, 90)).save(path)
    with pytest.raises((RigError, NoFaceError), match=r"pixels wide.*larger picture|no face was found"):
        open_portrait(path, assets=assets)


def test_a_picture_of_one_pixel_has_no_face(assets: AssetStore, tmp_path: Path) -> None:
    path = tmp_path / "dot.png"
    Pillow.new("RGB", (1, 1)).save(path)
    with pytest.raises(NoFaceError, match="no face was found"):
        open_portrait(path, assets=assets)


def test_a_picture_of_twenty_thousand_pixels_is_refused_unread(assets: AssetStore, tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Pillow.new("1", (20_000, 300)).save(path)
    with pytest.raises(InputError, match="20000 x 300 pixels"):
        open_portrait(path, assets=assets)


def test_a_damaged_picture_is_refused(assets: AssetStore, head: Image, tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    whole = as_bytes(Pillow.fromarray(head), "PNG")
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"half\.png cannot be decoded"):
        open_portrait(path, assets=assets)


@pytest.mark.parametrize("number", [0, -1])
def test_faces_are_numbered_from_one(assets: AssetStore, head: Image, tmp_path: Path, number: int) -> None:
    write_image(tmp_path / "head.png", head)
    with pytest.raises(RigError, match=f"there is no face {number}"):
        open_portrait(tmp_path / "head.png", assets=assets, face=number)


def test_a_height_is_given_before_rigging(assets: AssetStore) -> None:
    image, sitter = find_sitter_of(DEFAULT_PORTRAIT, assets=assets, height=900)
    assert image.shape[0] == 900
    assert sitter.box[3] < 900 / 3


@pytest.mark.shared
def test_a_profile_and_a_drawing_are_refused_with_the_reason(assets: AssetStore, shared: Path) -> None:
    gallery = Gallery(assets, folder=shared / "none", shared=shared)
    for name in (
        "allegorical-portrait-of-dante",
        "isabella-d-este-drawing-profile",
        "cosimo-de-medici-the-elder-profile",
        "age-of-innocence",
    ):
        with pytest.raises((RigError, NoFaceError), match=r"profile|seen from the front"):
            open_portrait(name, assets=assets, gallery=gallery)
