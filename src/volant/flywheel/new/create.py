"""A flywheel from a user's own file."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import yaml

from volant.config.edit import save, with_line
from volant.config.listing import live_flywheels
from volant.errors import VolantError, did_you_mean
from volant.flywheel.new.conf import Draft, conf_text
from volant.flywheel.new.family import model_for
from volant.flywheel.new.report import Report
from volant.flywheel.new.review import count_labels, review
from volant.kinds import KINDS
from volant.kinds.record import SLOT
from volant.sources.columns import to_rows
from volant.sources.files import require_plain
from volant.sources.formats import Format
from volant.sources.guess.headless import check_names
from volant.sources.guess.infer import Guess, infer
from volant.sources.guess.load import Loaded, load
from volant.sources.labels import values_of
from volant.sources.mapping import Columns, pick
from volant.sources.states import require_answered
from volant.workspace.paths import CONF


def new(  # noqa: PLR0913 - the options of one command
    name: str,
    data: str,
    *,
    text: str | None = None,
    label: str | None = None,
    separator: str | None = None,
    test: str | None = None,
    form: Format | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    root: Path = Path(),
    force: bool = False,
    then: Callable[[], object] = lambda: None,
) -> Report:
    """Write the conf of a flywheel that learns from `data`, and make it live.

    Args:
        name: Of the flywheel: small letters, digits, `-` and `_`.
        data: File with labelled rows, local or remote.
        text: Column with the text; found by default.
        label: Column with the label; found by default.
        separator: What stands between the labels of one cell; found by default.
        test: File with test rows; cut from `data` by default.
        form: How the files are written, as far as it is known; western encodings are recognised.
        where: Column to the values that a row must have to be read.
        root: The project.
        force: Write over a flywheel of that name.
        then: Called when both files are written; if it fails, they are put back.

    Raises:
        VolantError: If the name is taken or not allowed, a file can't be read, the columns are not clear, or
            the rows can't be learned from. Nothing is written then.
    """
    conf = root / CONF / "flywheel" / f"{name}.yaml"
    config = root / CONF / "config.yaml"
    live = _check_name(name, root, conf, force)
    known = form or Format()
    where = where or {}
    for path in filter(None, (data, test)):
        require_plain(path)
    given = [name.strip() for name in (label or "").split(",") if name.strip()]
    loaded = load(data, known, given)
    guess = infer(_chosen(loaded.table, where, data), text, _attribute(loaded, label), separator, data)
    if loaded.form.delimiter and not loaded.form.header:
        check_names(loaded.table, guess, {name for name in (text, label) if name}, data)
    rows, left_out = _rows(loaded, guess, where, data)
    tests = load(test, replace(known, header=loaded.form.header), given) if test else None
    tested, test_left_out = _rows(tests, guess, where, test) if tests and test else (None, [])
    if tested is not None and not tested.num_rows:
        raise VolantError(
            f"{test}: no row has a label, as where a publisher withholds them. Leave out --test: the test rows are "
            "then taken from --data. Or give a file with labels."
        )
    notes = (*loaded.notes, *(note for note in (tests.notes if tests else ()) if note not in loaded.notes))
    form = _common(loaded, tests, known)
    left_out += test_left_out
    warnings = (*notes, *left_out, *review(rows, tested, guess.kind, data))
    counts = count_labels(rows, guess.kind)
    model, why = model_for(rows["text"].to_pylist(), KINDS[guess.kind].head)
    draft = Draft(
        name=name,
        description=f"{' and '.join(filter(None, (guess.label, guess.spans)))} of {guess.text} in {Path(data).name}",
        train=_from_root(data, root),
        test=_from_root(test, root) if test else None,
        form=form,
        columns=guess,
        drop_labels=[""] if any(line.startswith("No label") for line in left_out) else [],
        where=where,
        attributes=given if loaded.sheet.detected.kind == "manifest" else (),
        model=model,
        cleaning=_cleaning(rows),
        labels=sorted(counts, key=lambda label: (label.startswith(SLOT), label)),
        metric="macro_f1" if KINDS[guess.kind].head == "text" else KINDS[guess.kind].metrics[0],
    )
    before = config.read_text(encoding="utf-8")
    save({conf: conf_text(draft), config: before if live else with_line(before, name)}, then)
    return Report(
        name=name,
        path=str(conf),
        rows=rows.num_rows,
        test_rows=tested.num_rows if tested else None,
        columns=guess,
        delimiter=form.delimiter,
        encoding=form.encoding,
        format=loaded.sheet.words,
        model=draft.model,
        counts=dict(counts),
        warnings=(*warnings, *why),
    )


def _chosen(table: pa.Table, where: Mapping[str, Sequence[str]], path: str) -> pa.Table:
    """The rows that `where` leaves, after which a kind of label is looked for.

    Raises:
        VolantError: If a column or a value of it is not there.
    """
    for name, values in where.items():
        cells = [values_of(cell) for cell in table[pick(table, name, f"{path}, --where")].to_pylist()]
        there = {value for cell in cells for value in cell if value}
        if absent := [value for value in values if value not in there]:
            shown = ", ".join(sorted(there)[:10])
            raise VolantError(
                f"{path}: --where {name}={absent[0]}: no row has this value.{did_you_mean(absent[0], there)} "
                f"It has: {shown}."
            )
        table = table.filter(pa.array([bool(cell) and cell <= set(values) for cell in cells], pa.bool_()))
    return table


def _attribute(loaded: Loaded, label: str | None) -> str | None:
    """The column of the label that was given; of a manifest it is called after the first of several attributes."""
    return loaded.table.column_names[1] if loaded.sheet.detected.kind == "manifest" else label


def _common(loaded: Loaded, tests: Loaded | None, known: Format) -> Format:
    """Return the format of both files; where they differ it stays open, so that each one's own is detected."""
    if tests is None:
        return loaded.form
    same = tests.form.delimiter == loaded.form.delimiter
    encoding = loaded.form.encoding or tests.form.encoding  # one is tried where a file is not UTF-8
    return replace(loaded.form, delimiter=loaded.form.delimiter if same else known.delimiter, encoding=encoding)


def _rows(loaded: Loaded, guess: Guess, where: Mapping[str, Sequence[str]], path: str) -> tuple[pa.Table, list[str]]:
    """The labelled rows, and a sentence on the others if there are any."""
    columns = Columns(
        text=guess.text,
        label=guess.label,
        spans=guess.spans or "spans",
        label_columns=list(guess.label_columns),
        id=guess.id,
        separator=guess.separator,
        drop_labels=[""],
        where={name: list(values) for name, values in where.items()},
    )
    require_answered(loaded.table, {guess.text, guess.label, *guess.label_columns, *where}, path)
    rows = to_rows(loaded.table, columns, guess.kind, path)
    failed = len(loaded.sheet.failed)
    total = loaded.sheet.table.num_rows
    aside = loaded.table.num_rows - _chosen(loaded.table, where, path).num_rows
    none = total - failed - aside - rows.num_rows
    told = [f"Excluded by --where: {aside} of {total} rows of {path}."] if aside else []
    if none + failed:
        told.append(f'No label: {none + failed} of {total} rows of {path} have none and are excluded '
                    '(`drop_labels: [""]`).')  # fmt: skip
    return rows, told


def _check_name(name: str, root: Path, conf: Path, force: bool) -> bool:
    """Return whether a flywheel of that name is live already.

    Raises:
        VolantError: If the name can't name a flywheel, or is taken and `force` is not given.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise VolantError(
            f"'{name}' can't name a flywheel. Allowed: lower-case letters, digits, - and _, a letter first."
        )
    if yaml.safe_load(name) != name:
        raise VolantError(
            f"'{name}' can't name a flywheel: YAML reads it as {yaml.safe_load(name)}. Choose another name."
        )
    live = live_flywheels(root)
    if not force and (conf.exists() or name in live):
        raise VolantError(f"The flywheel '{name}' exists ({conf}). Choose another name, or replace it with --force.")
    if live.get(name, name) != name:
        raise VolantError(f"conf/config.yaml uses '{name}' for {live[name]}.yaml. Choose another name.")
    return name in live


def _from_root(path: str, root: Path) -> str:
    """The path as conf has it: from the root if it lies there, else absolute; an address as it is."""
    if "://" in path:
        return path
    full = Path(path).expanduser().resolve()
    top = root.resolve()
    return full.relative_to(top).as_posix() if full.is_relative_to(top) else full.as_posix()


def _cleaning(rows: pa.Table) -> list[str]:
    """Steps that have something to do on these texts; one that changes nothing would only be warned of."""
    texts = rows["text"].to_pylist()[:5000]
    html = any(re.search(r"</?[a-zA-Z][^<>]*>|&#?\w+;", text) for text in texts)
    urls = any(re.search(r"https?://|www\.", text) for text in texts)
    users = any(re.search(r"(^|\s)@\w+", text) for text in texts)
    marks = {"html": html, "unicode": True, "control": True, "urls": urls, "users": users}
    # splits are cut before texts are cleaned: "@ann thanks" and "@bob thanks" become the same text on two sides
    always = ["whitespace", "drop_empty", "drop_duplicates", "drop_leaks"]
    return [step for step, needed in marks.items() if needed] + always
