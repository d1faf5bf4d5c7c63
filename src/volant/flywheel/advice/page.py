"""The advice as a page, and a picture of the learning curve."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from volant.flywheel.advice.label_errors import FILE
from volant.kinds.rates import lower_is_better
from volant.rendering import canvas
from volant.rendering.markdown import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


WITHOUT_CURVE = (
    "## More data\n\nNo learning curve: the linear family, which is refitted for it, does not predict parts of a text, "
    "and each point would be a training of its own. For one, set `split.train_subset_size` and compare the reports."
)
OUT_OF_FOLD = (
    "labels contradict a model fitted without them (confident learning). Highest-margin candidates; some will be "
    "correct but atypical"
)
IN_SAMPLE = (
    "rows contradict confident predictions of the flywheel's model. It was trained on these very rows, as models "
    "fitted without them would take several trainings: it misses errors that it has learned. Some rows will be correct "
    "but atypical. The most confident"
)


def page(found: Mapping[str, Any]) -> str:
    """The whole page, as Markdown with its picture beside it."""
    name = found["flywheel"]
    sections = [
        f"# What would help {name} next",
        _origin(found),
        _curve(found["curve"]) if found["curve"] else WITHOUT_CURVE,
        _weak(found),
        _suspects(found),
        "## Rows worth labelling\n\nGive a pool of texts without labels: "
        f"`volant suggest {name} --pool FILE -n 100 --out to_label.csv`, fill in its empty column, then "
        f"`volant ingest {name} to_label.csv --split train`.",
    ]
    return "\n\n".join(sections) + "\n"


def _origin(found: Mapping[str, Any]) -> str:
    looked_at = f"{found['rows']:,} of {found['of']:,}" if found["rows"] < found["of"] else f"all {found['of']:,}"
    if found["curve"]:
        return f"Computed with the linear family, refitted on {looked_at} train rows; no test rows were used."
    if not found["rows"]:
        return "There is no model yet: train one, and its predictions of the train rows are compared with their gold."
    return f"Computed with the flywheel's own model, which predicted {looked_at} train rows; no test rows were used."


def outlook(curve: Mapping[str, Any]) -> str:
    """Return in words whether more train rows would help.

    Example:
        >>> points = [{"rows": 50}, {"rows": 100}]
        >>> curve = {"points": points, "gain": (0.02, 0.01, 0.03), "expected": 0.015, "outlook": "rising"}
        >>> outlook({"metric": "macro_f1", **curve}).split(". ")[1]
        'Twice as many may give about 0.015 more.'
    """
    half, whole = (point["rows"] for point in curve["points"][-2:])
    gain, low, high = curve["gain"]
    verb = "improved" if gain >= 0 else "fell"
    last = f"from {half:,} to {whole:,} rows {curve['metric']} {verb} by {abs(gain):.3f} ({low:+.3f} to {high:+.3f})"
    if curve["outlook"] == "rising":
        return f"More rows like these would help: {last}. Twice as many may give about {curve['expected']:.3f} more."
    if curve["outlook"] == "flat":
        return (
            f"The curve is flat: {last}. More rows of the same sort would change little; corrected labels, "
            "other texts, or another family may."
        )
    return f"It is unclear: {last}, too little to tell from chance on the validation rows."


def picture(curve: Mapping[str, Any]) -> "Figure":
    """The metric by train rows, with its 95 % intervals."""
    figure, (axis,) = canvas.canvas(6, 4)
    points = curve["points"]
    rows = [p["rows"] for p in points]
    values = [p["value"] for p in points]
    below = [max(0.0, p["value"] - p["low"]) for p in points]
    above = [max(0.0, p["high"] - p["value"]) for p in points]
    axis.errorbar(rows, values, yerr=[below, above], fmt="o-", color=canvas.COLOURS[0], capsize=4)
    axis.set_xscale("log", base=2)
    axis.set_xticks(rows, [f"{n:,}" for n in rows])
    axis.minorticks_off()
    axis.set(xlabel="train rows", ylabel=f"validation {curve['metric']}", title="Learning curve (linear)")
    axis.grid(alpha=0.3)
    return figure


def _curve(curve: Mapping[str, Any]) -> str:
    rows = [(f"{p['share']:.0%}", p["rows"], p["value"], f"{p['low']:.3f} to {p['high']:.3f}") for p in curve["points"]]
    less = " (less is better)" if lower_is_better(curve["metric"]) else ""
    head = ["share", "train rows", f"validation {curve['metric']}{less}", "95 % interval"]
    return f"## More data\n\n{outlook(curve)}\n\n{table(head, rows)}\n\n![Learning curve](next.png)"


def _weak(found: Mapping[str, Any]) -> str:
    if not found["labels"]:
        return "## Where it is weak\n\nNothing is evaluated yet: `dvc repro` writes what this reads."
    labels = table(
        ["label", "F1", "test rows", "train rows"],
        [_cells(row, "label", "f1", "test_rows", "train_rows") for row in found["labels"]],
    )
    text = f"## Where it is weak\n\nThe labels that do worst on test:\n\n{labels}"
    if found["slices"]:
        rows = [_cells(row, "slice", "value", "rows", "score") for row in found["slices"]]
        slices = table(["by", "slice", "rows", found["metric"]], rows, left=2)
        text += f"\n\nThe slices that do worst, of those with enough rows:\n\n{slices}"
    return text


def _suspects(found: Mapping[str, Any]) -> str:
    if not found["suspects"]:
        return "## Labels that look wrong\n\nNone."
    rows = [(s["margin"], s["given"], s["likely"], s["text"], s["id"]) for s in found["suspects"]]
    margin = "margin" if found["curve"] else "confidence"
    return (
        f"## Labels that look wrong\n\n{found['suspected']:,} train {OUT_OF_FOLD if found['curve'] else IN_SAMPLE}"
        f":\n\n{table([margin, 'given', 'likely', 'text', 'id'], rows, left=5)}\n\n"
        f"All of them: [{FILE}]({FILE}), with the text as it came. Copy the file, correct its gold, then "
        f"`volant ingest {found['flywheel']} FILE --split train`. Rows whose label is unchanged are known and left "
        "out. A corrected row stands beside the old one, and the cleaning step `drop_duplicates` drops both: to keep "
        "the right one, correct the old row where it came from."
    )


def _cells(row: Mapping[str, Any], *names: str) -> list[Any]:
    return [row[name] for name in names]
