"""Tables of versions, and of the differences between two."""

from typing import TYPE_CHECKING, Any

from volant.service.ui import flywheels
from volant.service.ui.markup import note, number, table

if TYPE_CHECKING:
    from volant.tracking.difference import Difference
    from volant.tracking.registry import Version

METRICS = 3  # maximum number of metric columns


def versions(all_versions: "list[Version]") -> str:
    """Return a table with one row per version."""
    names = flywheels.metrics(all_versions)[:METRICS]
    heads = ["Version", "Status", *names, "Family", "Size", "Data", "Registered (UTC)", "Aliases"]
    rows = [_row(version, names) for version in all_versions]
    return table(f"Versions of {all_versions[0].flywheel}", heads, rows)


def _row(version: "Version", names: list[str]) -> list[Any]:
    return [
        version.number,
        version.status,
        *(_figure(version, name) for name in names),
        f"{version.family} {version.precision}",
        _size(version.size_bytes),
        ", ".join(version.datasets) or "source",
        version.created.strftime("%Y-%m-%d %H:%M"),
        ", ".join(version.aliases),
    ]


def difference(changes: "Difference") -> str:
    """Return the differences in metrics, config, data and predictions."""
    heads = ["", *(f"Version {number}" for number in changes.versions)]
    rows = [
        [name, number(before), number(after), "" if None in (before, after) else f"{after - before:+.4f}"]
        for name, (before, after) in changes.metrics.items()
    ]
    parts = [table("Metrics", [*heads, "Change"], rows)]
    for caption, pairs in (("Config", changes.config), ("Data", changes.data)):
        unequal = [[name, *map(_short, pair)] for name, pair in pairs.items()]
        parts.append(table(f"{caption} differences", heads, unequal, f"{caption}: no differences."))
    if not changes.rows:
        return "".join([*parts, note("Texts are compared only with the admin token, and if test rows are available.")])
    parts.append(note(f"{changes.changed:,} of {changes.rows:,} test rows are predicted differently."))
    texts = [[row.text[:200], row.gold, row.first, row.second] for row in changes.texts]
    return "".join([*parts, table("Texts predicted differently", ["Text", "Correct", *heads[1:]], texts, "")])


def _figure(version: "Version", name: str) -> str:
    ends = version.intervals.get(name)
    return number(version.metrics.get(name)) + (f" ({number(ends[0])} to {number(ends[1])})" if ends else "")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:16]}..."  # usually a hash
