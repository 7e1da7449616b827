"""`visavis bench`: how fast the live loop is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from visavis.cli.console import errors_console, results_console
from visavis.errors import ConfigError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command `bench`."""
    app.command("bench")(bench)


def bench(
    source: Annotated[
        Path | None,
        typer.Option(metavar="CLIP", help="A video with a face.", show_default="a photo that moves"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Frames are brought to this size before timing; 'own' keeps theirs.")
    ] = "640x480",
    frames: Annotated[int, typer.Option(min=10, max=100_000, help="Frames that the stages are measured on.")] = 300,
    seconds: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds of live play for the latency; 0 leaves it out.")
    ] = 10.0,
    renderer: Annotated[bool, typer.Option(help="Measure the CPU renderer too.")] = True,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings in TOML.", show_default=False)] = None,
) -> None:
    """Measure the live loop: stages, frames a second, latency to the page, and what the loop adds to the landmarker."""
    from visavis.assets import AssetStore
    from visavis.config import load_config
    from visavis.stage.bench import bench as measure
    from visavis.stage.bench import decode_clip

    assets = AssetStore()
    clip = decode_clip(source, assets=assets, limit=min(frames, 600), size=_parse_size(size))
    if not as_json:
        errors_console().print(f"measuring on {clip.name} …", style="dim", markup=False, highlight=False)
    report = measure(
        clip, assets=assets, config=load_config(config), frames=frames, live_s=seconds, drawings=60 if renderer else 0
    )
    if as_json:
        import json

        typer.echo(json.dumps(report, indent=2))
    else:
        _print_report(report)


def _parse_size(text: str) -> tuple[int, int] | None:
    if text == "own":
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 32 <= int(width) <= 7680 and 32 <= int(height) <= 7680):
        raise ConfigError(f"--size is {text!r}; expected WIDTHxHEIGHT such as 640x480, or own")
    return int(width), int(height)


def _print_report(report: dict[str, Any]) -> None:
    from rich.table import Table

    console = results_console()
    clip, loop = report["clip"], report["loop"]
    table = Table(title=f"{clip['name']}, {clip['width']} x {clip['height']}", title_justify="left")
    for heading in ("stage", "median ms", "p95 ms"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    rows = {**report["stages_ms"], "whole loop": loop["frame_ms"], "landmarker alone": loop["bare_landmarker_ms"]}
    for name, spread in rows.items():
        if spread is not None:
            table.add_row(name, f"{spread['median']:.2f}", f"{spread['p95']:.2f}")
    console.print(table)
    console.print(
        f"loop: {loop['frames_per_second']} frames a second; {loop['overhead_percent']} % over the landmarker"
    )
    if "live" in report:
        latency = report["live"]["camera_to_message_ms"]
        console.print(
            f"live: {report['live']['messages_per_second']} messages a second, camera to message "
            f"{latency['median']:.1f} ms (p95 {latency['p95']:.1f})"
        )
    if "renderer" in report:
        drawn = report["renderer"]
        console.print(
            f"renderer: {drawn['width']} x {drawn['height']} in {drawn['render_ms']['median']:.1f} ms "
            f"(p95 {drawn['render_ms']['p95']:.1f}), rigged in {drawn['rig_ms'] / 1000:.2f} s"
        )
