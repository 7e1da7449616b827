"""The command line itself: quick help, one line for an error, and its exit code."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import visavis
from visavis import cli, errors
from visavis.files import replacing


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"visavis {visavis.__version__}\n"


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for verb in cli.VERBS:
        assert re.search(rf"\b{verb}\b", out), verb


@pytest.mark.parametrize("verb", cli.VERBS)
def test_each_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb, "--help"]) == 0
    assert f"visavis {verb}" in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from visavis.cli import build_app; build_app();"
        "heavy = {'cv2', 'mediapipe', 'onnxruntime', 'onnx', 'av', 'pyarrow', 'torch', 'keras', 'pydantic', 'uvicorn'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"imported for --help: {done.stderr}"


@pytest.mark.parametrize("words", [["sing"], ["read"], ["read", "--nope"], ["read", "a.jpg", "--every", "0"]])
def test_wrong_usage_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.VisavisError, 1),
        (errors.InputError, 2),
        (errors.ConfigError, 2),
        (errors.AssetError, 3),
        (errors.ModelError, 3),
        (errors.SourceError, 4),
        (errors.OutputError, 5),
        (errors.MissingPackageError, 6),
    ],
)
def test_an_error_is_one_line_and_its_code(
    kind: type[errors.VisavisError], code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise kind("what [happened] was\nlong " + "x" * 200)

    def build_app(verbs: object) -> typer.Typer:
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(fails)
        return app

    monkeypatch.setattr(cli, "build_app", build_app)
    assert cli.main([]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: what [happened] was long " + "x" * 200 + "\n"


def stands_alone(command: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line have one command."""

    def build_app(verbs: object) -> typer.Typer:
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(command)
        return app

    monkeypatch.setattr(cli, "build_app", build_app)
    monkeypatch.setattr(sys, "argv", ["visavis"])


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    stands_alone(stopped, monkeypatch)
    assert cli.main([]) == 130


def test_ctrl_c_is_130_while_a_command_is_still_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def build_app(verbs: object) -> typer.Typer:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build_app", build_app)
    assert cli.main([]) == 130


@pytest.mark.usefixtures("signals")
def test_sigterm_is_143_and_takes_half_written_files_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        with replacing(tmp_path / "a.mp4") as temporary:
            temporary.write_text("half")
            signal.raise_signal(signal.SIGTERM)

    stands_alone(stopped, monkeypatch)
    assert cli.main() == 143
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize(
    ("end", "code"), [(typer.Exit(130), 143), (typer.Exit(0), 143), (errors.OutputError("full"), 5)]
)
def test_sigterm_is_a_ctrl_c_that_a_command_may_answer(
    end: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise end from None

    stands_alone(stopped, monkeypatch)
    assert cli.main() == code
