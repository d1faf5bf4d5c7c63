"""Versions and decisions as tables for people."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from volant.rendering.table import Column, Table
from volant.workspace.terminal import Console

if TYPE_CHECKING:
    from volant.tracking.best import Best
    from volant.tracking.difference import Difference
    from volant.tracking.ledger import Entry
    from volant.tracking.version import Version

STYLES = {"approved": "green", "rejected": "red", "pending": "yellow"}


def show_versions(versions: "Sequence[Version]", console: Console) -> None:
    """A line for each version."""
    metric = versions[0].metric
    figures = [Column(metric), *([Column("accuracy", drop=5)] if metric != "accuracy" else [])]
    table = Table(
        Column("version"),
        Column("status"),
        Column("family", drop=1),
        *figures,
        Column("size", drop=4),
        Column("datasets", drop=3, wraps=True),
        Column("age", drop=2),
        Column("aliases"),
        title=f"versions of {versions[0].flywheel}",
    )
    for version in versions:
        scores = [score(version, column.name) for column in figures]
        status = f"[{STYLES[version.status]}]{version.status}"
        size = f"{version.size_bytes / 1e6:.1f} MB {version.precision}"
        age = since(version.created)
        data = ", ".join(version.datasets) or "source"
        aliases = ", ".join(version.aliases)
        table.add_row(str(version.number), status, version.family, *scores, size, data, age, aliases)
    table.show(console)


def show_version(version: "Version", config: dict[str, Any], decided: "Sequence[Entry]", console: Console) -> None:
    """Where a version comes from and what was decided about it: data, commit, config, run, metrics, approvals."""
    title = f"{version.flywheel} version {version.number}"
    table = Table(Column(""), Column("", wraps=True), show_header=False, box=None, highlight=False, title=title)
    datasets = ", ".join(version.datasets) or "the flywheel's source"
    table.add_row("data", datasets)
    for split, sha in version.data.items():
        table.add_row("", f"clean {split} {sha[:16]}")
    table.add_row("commit", version.commit)
    table.add_row("config", f"{version.config[:16]}, seed {config.get('seed', '?')}")
    table.add_row("run", f"{version.run_id}  {version.source}")
    table.add_row(
        "bundle", f"{version.digest[:16]}, {version.family} {version.precision}, {version.size_bytes:,} bytes"
    )
    for name in version.metrics:
        table.add_row("test" if name == next(iter(version.metrics)) else "", f"{name} {score(version, name)}")
    for entry in decided:
        table.add_row(entry.event, f"{moment(entry.when)} by {_escaped(entry.by)}{_why(entry)}")
    table.add_row("now", ", ".join([version.status, *version.aliases]))
    table.show(console)


def show_history(entries: "Sequence[Entry]", console: Console) -> None:
    """A line for each decision."""
    columns = [Column(name) for name in ("", "time (UTC)", "decision", "version", "by")]
    table = Table(*columns, Column("commit", drop=1), Column("data", drop=2))
    for entry in entries:
        moved = "" if entry.previous is None else f" (was {entry.previous})"
        facts = (_escaped(entry.by.partition("@")[0]), entry.commit[:7], entry.data[:7])
        table.add_row(str(entry.seq), moment(entry.when), entry.event, f"{entry.version}{moved}", *facts)
    table.show(console)
    for entry in entries:  # below the table: reasons are long
        if why := _why(entry).removeprefix(": "):
            console.print(f"  {entry.seq}: {why}", highlight=False)


def show_best(found: "Best", flywheel: str, console: Console) -> None:
    """The best version, and the run that is better, if there is one."""
    if found.version:
        console.print(f"{flywheel}: version {found.version.number} is the best by {found.metric}: {found.value:.4f}")
    else:
        console.print(f"{flywheel}: no version has {found.metric}.")
    if found.run_id:
        console.print(
            f"The run {found.run_name} ({found.run_id}) is better with {found.run_value:.4f}, and became no version."
        )


def show_difference(found: "Difference", console: Console) -> None:
    """Metrics, config, data and texts."""
    first, second = (f"version {number}" for number in found.versions)
    sides = [Column(name, wraps=True, least=12) for name in (first, second)]
    title = f"{found.flywheel}: {first} and {second}"
    table = Table(Column("", wraps=True), *sides, Column("change"), title=title)
    for name, (before, after) in found.metrics.items():
        change = "" if before is None or after is None else f"{after - before:+.4f}"
        table.add_row(name, _figure(before), _figure(after), change)
    for name, (before, after) in {**found.config, **found.data}.items():
        table.add_row(name, _short(before), _short(after))
    table.show(console)
    if not found.rows:
        console.print("No test rows on this machine: `dvc pull` or `dvc repro` them to compare answers.")
        return
    console.print(f"{found.changed:,} of {found.rows:,} test rows are answered differently.", highlight=False)
    if found.texts:
        texts = Table(Column("text", wraps=True), Column("gold", wraps=True), *sides)
        for row in found.texts:
            texts.add_row(*(_escaped(value) for value in (row.text[:200], row.gold, row.first, row.second)))
        texts.show(console)


def score(version: "Version", name: str) -> str:
    """A metric with its interval."""
    if name not in version.metrics:
        return ""
    ends = version.intervals.get(name)
    return f"{version.metrics[name]:.4f}" + (f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else "")


def since(then: datetime, now: datetime | None = None) -> str:
    """How long ago, in one unit.

    Example:
        >>> since(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 3, 5, tzinfo=UTC))
        '2 d'
    """
    seconds = int(((now or datetime.now(UTC)) - then).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(seconds, 0)} s"


def moment(time: datetime) -> str:
    """A time of the ledger, to the second.

    Example:
        >>> moment(datetime(2024, 5, 3, 5, 4, 3, tzinfo=UTC))
        '2024-05-03 05:04:03'
    """
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _why(entry: "Entry") -> str:
    said = "; ".join([*([entry.note] if entry.note else []), *entry.reasons])
    return f": {_escaped(said)}" if said else ""


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return _escaped(", ".join(value) or "source")
    text = "" if value is None else str(value)
    return _escaped(text if len(text) <= 60 else f"{text[:57]}...")
