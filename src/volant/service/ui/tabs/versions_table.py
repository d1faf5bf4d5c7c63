"""Tables of versions, and of the differences between two."""

from typing import TYPE_CHECKING, Any

from volant.service.ui import flywheels
from volant.service.ui.markup import note, number, table

if TYPE_CHECKING:
    from volant.tracking.difference import Difference
    from volant.tracking.registry import Version

METRICS = 3  # maximum number of metric columns


def versions(found: "list[Version]") -> str:
    """Return a table with one row per version."""
    names = flywheels.metrics(found)[:METRICS]
    heads = ["Version", "Status", *names, "Family", "Size", "Data", "Registered (UTC)", "Now"]
    rows = [
        [
            version.number,
            version.status,
            *(_figure(version, name) for name in names),
            f"{version.family} {version.precision}",
            _size(version.size_bytes),
            ", ".join(version.datasets) or "source",
            version.created.strftime("%Y-%m-%d %H:%M"),
            ", ".join(version.aliases),
        ]
        for version in found
    ]
    return table(f"Versions of {found[0].flywheel}", heads, rows)


def difference(found: "Difference") -> str:
    """Return the differences in metrics, config, data and predictions."""
    heads = ["", *(f"Version {one}" for one in found.versions)]
    rows = [
        [name, number(before), number(after), "" if None in (before, after) else f"{after - before:+.4f}"]
        for name, (before, after) in found.metrics.items()
    ]
    parts = [table("Metrics", [*heads, "Change"], rows)]
    for caption, pairs in (("Config", found.config), ("Data", found.data)):
        unlike = [[name, *(_short(value) for value in pair)] for name, pair in pairs.items()]
        parts.append(table(f"{caption} that differs", heads, unlike, f"{caption}: the same."))
    if not found.rows:
        return "".join([*parts, note("Texts are compared with the admin token, where test rows are at hand.")])
    parts.append(note(f"{found.changed:,} of {found.rows:,} test rows are answered differently."))
    texts = [[row.text[:200], row.gold, row.first, row.second] for row in found.texts]
    return "".join([*parts, table("Texts answered differently", ["Text", "Right", *heads[1:]], texts, "")])


def _figure(version: "Version", name: str) -> str:
    ends = version.intervals.get(name)
    return number(version.metrics.get(name)) + (f" ({number(ends[0])} to {number(ends[1])})" if ends else "")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:16]}..."  # a hash, mostly
