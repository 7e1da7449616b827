"""Settings held against the machine: what they name is looked for before long work, as rigging a portrait is."""

from __future__ import annotations

import socket
from pathlib import Path

from visavis.config import Config
from visavis.errors import ConfigError
from visavis.files import kind_of
from visavis.portrait.answer import load_answers

__all__ = ["check_settings"]


def check_settings(config: Config) -> None:
    """Read the tables of one's own, and see whether the address to listen on is this machine's.

    Raises:
        ConfigError: a table is not there or not of its form, or the address is none of this machine.
        ModelError: a card of one's own names a model that is missing or damaged.
    """
    if config.portrait.answers:
        _check_file("portrait.answers", config.portrait.answers)
        load_answers(Path(config.portrait.answers))
    if config.emotion.enabled and config.emotion.table:
        from visavis.reading import open_instruments

        _check_file("emotion.table", config.emotion.table)
        open_instruments(config.emotion)
    _check_host(config.server.host)


def _check_file(setting: str, path: str) -> None:
    try:
        kind = kind_of(path)
    except OSError as error:
        raise ConfigError(f"{setting} = {path!r} cannot be read: {error.strerror}; check its permissions") from None
    if kind != "file":
        reason = {"folder": "is a folder, where a file was expected", "special": "is a pipe or device"}
        raise ConfigError(f"{setting} = {path!r} {reason.get(kind or '', 'does not exist; check the path')}")


def _check_host(host: str) -> None:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no such address"
        raise ConfigError(
            f"server.host = {host!r} is no address of this machine ({reason}); give 127.0.0.1, or 0.0.0.0 for the "
            "whole network"
        ) from None
