"""Files from the package index, without running what they hold."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from visavis import downloads
from visavis.errors import AssetError, UnreachableError

NAME = "some_teacher-3.0.0.tar.gz"
PAGE = f"""<!DOCTYPE html><html><body>
<a href="../../packages/ab/some_teacher-2.9.0.tar.gz#sha256=00">some_teacher-2.9.0.tar.gz</a>
<a href="../../packages/cd/{NAME}#sha256=11">{NAME}</a></body></html>"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An index that has one package; what was asked of it."""
    addresses: list[str] = []

    def download(address: str, destination: Path) -> None:
        addresses.append(address)
        destination.write_bytes(PAGE.encode() if address.endswith("/") else b"archive")

    monkeypatch.setattr(downloads, "download_https", download)
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    return addresses


def test_a_source_archive_comes_from_the_index_that_pip_uses(asked: list[str], tmp_path: Path) -> None:
    downloads.download_sdist(NAME, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == b"archive"
    assert asked == ["https://index.example/simple/some-teacher/", f"https://index.example/packages/cd/{NAME}"]


def test_an_archive_that_the_index_does_not_list_is_told(asked: list[str], tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"lists no some_teacher-4\.0\.0"):
        downloads.download_sdist("some_teacher-4.0.0.tar.gz", tmp_path / "a.tar.gz")
    assert len(asked) == 1


def test_without_a_word_to_pip_the_index_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)

    def broken(*_: object, **__: object) -> None:
        raise OSError("no pip")

    monkeypatch.setattr("subprocess.run", broken)
    assert downloads._index() == downloads._INDEX


def test_a_host_that_cannot_be_reached_is_named_with_the_cause(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"http://127.0.0.1:{held.getsockname()[1]}/lisa.jpg"
        with pytest.raises(UnreachableError) as caught:
            downloads.download_https(address, tmp_path / "lisa.jpg")
    assert (caught.value.host, caught.value.cause) == ("127.0.0.1", "Connection refused")
    assert address in str(caught.value)


def test_a_host_that_answers_is_not_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: urllib.request.Request, **_: object) -> None:
        raise urllib.error.HTTPError(request.full_url, 404, "Not Found", Message(), None)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(AssetError, match="HTTP Error 404: Not Found") as caught:
        downloads.download_https("https://one.example/lisa.jpg", tmp_path / "lisa.jpg")
    assert not isinstance(caught.value, UnreachableError)
