"""A flywheel from a user's own file."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import yaml

from volant.errors import VolantError
from volant.scaffold.family import family_for
from volant.scaffold.headless import check_names
from volant.scaffold.infer import Guess, infer
from volant.scaffold.listing import live_flywheels
from volant.scaffold.load import delimiter, load
from volant.scaffold.report import Report
from volant.scaffold.review import count_labels, review
from volant.scaffold.write import Draft, conf_text, save, with_line
from volant.sources.columns import Columns, to_rows
from volant.sources.files import read_file
from volant.sources.formats import Format


def new(  # noqa: PLR0913 - the options of one command
    name: str,
    data: str,
    *,
    text: str | None = None,
    label: str | None = None,
    separator: str | None = None,
    test: str | None = None,
    form: Format | None = None,
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
        root: The project.
        force: Write over a flywheel of that name.
        then: Called when both files are written; if it fails, they are put back.

    Raises:
        VolantError: If the name is taken or not allowed, a file can't be read, the columns are not clear, or
            the rows can't be learned from. Nothing is written then.
    """
    conf, config = root / "conf" / "flywheel" / f"{name}.yaml", root / "conf" / "config.yaml"
    live = _check_name(name, root, conf, force)
    known = form or Format()
    table, form, notes = load(data, known)
    guess = infer(table, text, label, separator, data)
    if form.delimiter and not form.header:
        check_names(table, guess, {name for name in (text, label) if name}, data)
    rows, left_out = _rows(table, guess, data)
    unset = replace(form, delimiter=known.delimiter)
    tested, test_left_out = _rows(read_file(test, unset), guess, test) if test else (None, [])
    # Two files that differ in it: left open, so that each one's own is found.
    form = unset if test and delimiter(test, unset) != form.delimiter else form
    left_out += test_left_out
    warnings = (*notes, *left_out, *review(rows, tested, guess.kind, data))
    counts = count_labels(rows, guess.kind)
    family, why = family_for(rows["text"].to_pylist())
    draft = Draft(
        name=name,
        description=f"{guess.label} of {guess.text} in {Path(data).name}",
        train=_from_root(data, root),
        test=_from_root(test, root) if test else None,
        form=form,
        columns=guess,
        drop_labels=[""] if left_out else [],
        model=family,
        cleaning=_cleaning(rows),
        labels=sorted(counts),
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
        model=draft.model,
        counts=dict(counts),
        warnings=(*warnings, *why),
    )


def _rows(table: pa.Table, guess: Guess, where: str) -> tuple[pa.Table, list[str]]:
    """The labelled rows, and a sentence on the others if there are any."""
    columns = Columns(text=guess.text, label=guess.label, id=guess.id, separator=guess.separator, drop_labels=[""])
    rows = to_rows(table, columns, guess.kind, where)
    none = table.num_rows - rows.num_rows
    told = f'No label: {none} of {table.num_rows} rows of {where} have none and are left out (`drop_labels: [""]`).'
    return rows, [told] if none else []


def _check_name(name: str, root: Path, conf: Path, force: bool) -> bool:
    """Whether a flywheel of that name is live already."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise VolantError(f"'{name}' can't name a flywheel. Allowed: small letters, digits, - and _, a letter first.")
    if yaml.safe_load(name) != name:
        raise VolantError(
            f"'{name}' can't name a flywheel: YAML takes it for {yaml.safe_load(name)}. Take another name."
        )
    live = live_flywheels(root)
    if not force and (conf.exists() or name in live):
        raise VolantError(f"There is a flywheel '{name}' ({conf}). Take another name, or --force to write over it.")
    if live.get(name, name) != name:
        raise VolantError(f"conf/config.yaml makes '{name}' of {live[name]}.yaml. Take another name.")
    return name in live


def _from_root(path: str, root: Path) -> str:
    """The path as conf has it: from the root if it lies there, else absolute; an address as it is."""
    if "://" in path:
        return path
    full, top = Path(path).expanduser().resolve(), root.resolve()
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
