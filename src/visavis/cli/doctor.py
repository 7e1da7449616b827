"""`visavis doctor`: what is installed, which cameras open, which assets are verified, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import errors_console, results_console

if TYPE_CHECKING:
    from visavis.doctor import Finding

__all__ = ["register"]

_SIGNS = {"ok": "[green]✓[/]", "note": "[yellow]·[/]", "bad": "[red]✗[/]"}


def register(app: typer.Typer) -> None:
    """Add the command `doctor`."""
    app.command("doctor")(doctor)


def doctor(
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")] = False,
) -> None:
    """Say what is installed and works, and what to do about each thing that does not.

    The exit code is 1 where something is missing that Visavis cannot run without.
    """
    from visavis.assets import AssetStore
    from visavis.doctor import examine

    findings = []
    area = ""
    with errors_console().status("looking") as status:
        for finding in examine(AssetStore()):
            findings.append(finding)
            status.update(f"looking at {finding.area}")
            if json:
                _print_json(finding)
                continue
            if finding.area != area:
                area = finding.area
                results_console().print(f"\n[bold]{area}[/]")
            _print(finding)
    bad = sum(finding.state == "bad" for finding in findings)
    if not json:
        verdict = "[green]Ready.[/]" if bad == 0 else f"[red]{bad} to mend before Visavis can run (✗ above).[/]"
        results_console().print(f"\n{verdict}")
    if bad:
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    from rich.markup import escape

    console = results_console()
    line = f"{_SIGNS[finding.state]} {escape(finding.name):<26} {escape(finding.detail)}"
    console.print(line, highlight=False, soft_wrap=True)
    if finding.remedy:
        console.print(f"  {'':<26} [cyan]→ {escape(finding.remedy)}[/]", highlight=False, soft_wrap=True)


def _print_json(finding: Finding) -> None:
    import dataclasses
    import json

    typer.echo(json.dumps(dataclasses.asdict(finding)))
