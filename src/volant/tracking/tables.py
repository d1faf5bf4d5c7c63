"""Tables of versions and decisions for the terminal."""

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
    """Print a table of versions of one flywheel, one per line."""
    metric = versions[0].metric
    figures = [Column(metric)]
    if metric != "accuracy":
        figures.append(Column("accuracy", drop=5))
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


def show_version(version: "Version", config: dict[str, Any], decisions: "Sequence[Entry]", console: Console) -> None:
    """Print the origin of a version, its metrics and the decisions about it.

    Args:
        version: The version.
        config: Config of its flywheel, as a tree.
        decisions: Its entries in the ledger.
        console: Console to print to.
    """
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
    for entry in decisions:
        table.add_row(entry.event, f"{moment(entry.when)} by {_escaped(entry.by)}{_why(entry)}")
    table.add_row("now", ", ".join([version.status, *version.aliases]))
    table.show(console)


def show_history(entries: "Sequence[Entry]", console: Console) -> None:
    """Print a table of decisions, one per line, and their reasons below it."""
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


def show_best(best: "Best", flywheel: str, console: Console) -> None:
    """Print the best version, and the best run if it is better.

    Args:
        best: The best version and run.
        flywheel: Name of the flywheel.
        console: Console to print to.
    """
    if best.version:
        console.print(f"{flywheel}: version {best.version.number} is the best by {best.metric}: {best.value:.4f}")
    else:
        console.print(f"{flywheel}: no version has {best.metric}.")
    if best.run_id:
        console.print(
            f"The run {best.run_name} ({best.run_id}) is better with {best.run_value:.4f}, and became no version."
        )


def show_difference(difference: "Difference", console: Console) -> None:
    """Print the differences between two versions: metrics, config, data and predictions."""
    names = [f"version {number}" for number in difference.versions]
    sides = [Column(name, wraps=True, least=12) for name in names]
    title = f"{difference.flywheel}: {' and '.join(names)}"
    table = Table(Column("", wraps=True), *sides, Column("change"), title=title)
    for name, (first, second) in difference.metrics.items():
        change = "" if first is None or second is None else f"{second - first:+.4f}"
        table.add_row(name, _figure(first), _figure(second), change)
    for name, (first, second) in {**difference.config, **difference.data}.items():
        table.add_row(name, _short(first), _short(second))
    table.show(console)
    if not difference.rows:
        console.print("No test rows on this machine: `dvc pull` or `dvc repro` them to compare answers.")
        return
    console.print(f"{difference.changed:,} of {difference.rows:,} test rows are answered differently.", highlight=False)
    if difference.texts:
        texts = Table(Column("text", wraps=True), Column("gold", wraps=True), *sides)
        for row in difference.texts:
            texts.add_row(*(_escaped(value) for value in (row.text[:200], row.gold, row.first, row.second)))
        texts.show(console)


def score(version: "Version", name: str) -> str:
    """Return a metric with its interval as text; empty if the version lacks it."""
    if name not in version.metrics:
        return ""
    ends = version.intervals.get(name)
    return f"{version.metrics[name]:.4f}" + (f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else "")


def since(start: datetime, end: datetime | None = None) -> str:
    """Return the time from `start` to `end` in one unit; to now by default.

    Example:
        >>> since(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 3, 5, tzinfo=UTC))
        '2 d'
    """
    seconds = int(((end or datetime.now(UTC)) - start).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(seconds, 0)} s"


def moment(time: datetime) -> str:
    """Return a time of the ledger as text, to the second.

    Example:
        >>> moment(datetime(2024, 5, 3, 5, 4, 3, tzinfo=UTC))
        '2024-05-03 05:04:03'
    """
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _why(entry: "Entry") -> str:
    parts = [entry.note, *entry.reasons] if entry.note else entry.reasons
    return f": {_escaped('; '.join(parts))}" if parts else ""


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
