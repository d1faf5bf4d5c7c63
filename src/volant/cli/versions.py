"""The commands of the registry: versions, decisions about them, and the champion at each time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volant.cli.app import AsJson, app, require_known
from volant.errors import VolantError
from volant.workspace.terminal import Console, json_line

if TYPE_CHECKING:
    from volant.tracking.reader import Reader
    from volant.tracking.registry import Registry, Version

Name = Annotated[str, typer.Argument(help="A flywheel.")]
Number = Annotated[str, typer.Argument(help="A version's number, or champion or challenger.")]
Note = Annotated[str, typer.Option(help="Reason; stored in the ledger.")]


@contextmanager
def opened(*names: str) -> "Iterator[Registry]":
    """Open the registry for flywheels, for the context; one that is no longer live still has its versions.

    Fails with `VolantError` if neither the registry nor the config has such a flywheel, or the registry is down.
    """
    from volant.tracking.registry import registry

    with registry() as opened:
        for name in names:
            _check_name(name, opened)
        yield opened


@contextmanager
def read(name: str) -> "Iterator[Reader]":
    """Open the registry for reading, for the context.

    Fails with `VolantError` if neither the registry nor the config has such a flywheel, or the registry is down.
    """
    from volant.tracking.existing import reading

    with reading() as opened:
        _check_name(name, opened)
        yield opened


def _check_name(name: str, registry: "Reader") -> None:
    if not registry.knows(name):
        require_known(name, registry.flywheels())


@app.command(rich_help_panel="Versions")
def versions(name: Name, as_json: AsJson = False) -> None:
    """List the versions of a flywheel, newest first."""
    from volant.tracking.tables import show_versions

    with read(name) as reader:
        registered = reader.versions(name)
        deleted_champion = reader.lost(name)
    if as_json:
        _print([version.to_json() for version in registered])
    elif registered:
        show_versions(registered, Console())
    if deleted_champion:
        from volant.flywheel.lost import deleted

        message = deleted(name, *deleted_champion)
        Console(stderr=True).print(message, style="yellow", markup=False, highlight=False, soft_wrap=True)
    elif not registered and not as_json:
        print(f"{name} has no versions yet: `volant iterate {name}` makes the first.")  # noqa: T201


@app.command(rich_help_panel="Versions")
def approve(name: Name, number: Number, note: Note = "", as_json: AsJson = False) -> None:
    """Approve a version, so that it may become the champion."""
    with opened(name) as registry:
        version = registry.approve(name, registry.number(name, number), note)
    _decided(version, f"Promote it with `volant promote {name} {version.number}`.", as_json)


@app.command(rich_help_panel="Versions")
def reject(name: Name, number: Number, note: Note = "", as_json: AsJson = False) -> None:
    """Reject a version, so that it can't become the champion."""
    with opened(name) as registry:
        version = registry.reject(name, registry.number(name, number), note)
    _decided(version, f"`volant approve {name} {version.number}` reverses that.", as_json)


@app.command(rich_help_panel="Versions")
def promote(name: Name, number: Number, as_json: AsJson = False) -> None:
    """Make an approved version the champion."""
    with opened(name) as registry:
        version = registry.promote(name, registry.number(name, number))
    _decided(version, f"`volant rollback {name}` restores the champion before it.", as_json)


@app.command(rich_help_panel="Versions")
def rollback(name: Name, as_json: AsJson = False) -> None:
    """Restore the previous champion."""
    with opened(name) as registry:
        version = registry.rollback(name)
    _decided(version, f"`volant history {name}` shows the champion at each time.", as_json)


@app.command(rich_help_panel="Versions")
def best(
    name: Name,
    metric: Annotated[str, typer.Option(help="Any metric that was logged, such as val_f1_weighted.")],
    as_json: AsJson = False,
) -> None:
    """Show the best version by a metric, and a better run, if one became no version."""
    from volant.tracking.tables import show_best

    with opened(name) as registry:
        best_by_metric = registry.best(name, metric)
    if as_json:
        _print(best_by_metric.to_json())
    else:
        show_best(best_by_metric, name, Console())


@app.command(rich_help_panel="Versions")
def show(name: Name, number: Number, as_json: AsJson = False) -> None:
    """Show where a version comes from: data, commit, config, run, metrics, approvals."""
    from dataclasses import asdict

    from volant.tracking.tables import show_version

    with opened(name) as registry:
        version = registry.get(name, registry.number(name, number))
        record = registry.record(name, version.number)
        decisions = [entry for entry in registry.history(name) if entry.version == version.number]
    if as_json:
        _print({**version.to_json(), "record": asdict(record), "decided": [asdict(entry) for entry in decisions]})
    else:
        show_version(version, record.config, decisions, Console())


@app.command(rich_help_panel="Versions")
def diff(
    name: Name,
    first: Number,
    second: Number,
    texts: Annotated[int, typer.Option(min=0, help="How many of the texts that are predicted differently.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions: metrics, config, data, and the texts predicted differently."""
    from volant.tracking.difference import difference
    from volant.tracking.tables import show_difference

    with opened(name) as registry:
        numbers = (registry.number(name, first), registry.number(name, second))
        result = difference(registry, name, numbers, texts, Path())
    if as_json:
        _print(result.to_json())
    else:
        show_difference(result, Console())


@app.command(rich_help_panel="Versions")
def history(
    name: Name,
    at: Annotated[
        str | None, typer.Option(help="A time, such as 2025-03-01T12:00 (UTC): show the champion then.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the decisions about versions, by whom and when; checked for tampering."""
    from dataclasses import asdict

    from volant.tracking.tables import show_history

    moment = None if at is None else _time(at)
    with read(name) as reader:
        entries = reader.history(name, moment)
        active = reader.promotion(name, moment or datetime.now(UTC))
        approved = [e for e in entries if active and (e.event, e.version) == ("approve", active.version)]
    if as_json:
        by = {"approved": asdict(approved[-1]) if approved else None}
        _print({"entries": [asdict(e) for e in entries], "active": {**asdict(active), **by} if active else None})
        return
    show_history(entries, Console())
    period = "now" if moment is None else f"at {moment.isoformat(timespec='seconds')}"
    if active is None:
        print(f"There is no champion {period}." if moment is None else f"There was no champion {period}.")  # noqa: T201
        return
    approval = f"approved by {approved[-1].by}, " if approved else ""
    origin = f"trained on data {active.data[:8]} by commit {active.commit[:8]}"
    print(f"Champion {period}: version {active.version}, {approval}{origin}.")  # noqa: T201


def _decided(version: "Version", hint: str, as_json: bool) -> None:
    if as_json:
        _print(version.to_json())
        return
    status = ", ".join([version.status, *version.aliases])
    print(f"{version.flywheel} version {version.number}: {status}. {hint}")  # noqa: T201


def _print(tree: Any) -> None:
    print(json_line(tree))  # noqa: T201


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise VolantError(
            f"--at {text} is not a valid time. Give one such as 2025-03-01T12:00 or 2025-03-01."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
