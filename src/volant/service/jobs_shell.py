"""A batch job without a server: the same work on the same files; run again, it goes on where it was cut off."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from volant.bundle import Bundle
from volant.errors import VolantError
from volant.schema import write_text
from volant.service.documents import FORMS, Form, documents, form_of
from volant.service.jobs_answer import Progress, answer_all, answerer

LONGEST = 20_000


@dataclass(frozen=True)
class Done:
    """What became of a file.

    Attributes:
        rows: Documents that it has.
        resumed: How many of them an earlier run had answered.
        out: Where the answers are.
    """

    rows: int
    resumed: int
    out: str


def answer_file(
    bundle: Bundle,
    file: Path,
    out: Path,
    column: str = "text",
    form: str | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Done:
    """Answer every document of a file, as a batch job does.

    Args:
        bundle: What answers.
        file: One document a line, CSV, TSV or JSON Lines.
        out: JSON Lines; written whole or not at all.
        column: Column or key that holds the text.
        form: Of the file; by its name if left out.
        progress: Called with the number of documents that are done.

    Raises:
        VolantError: If the file can't be read; names the line.
    """
    if form is not None and form not in FORMS:
        raise VolantError(f"--format {form} is not known. Allowed: {', '.join(FORMS)}.")
    if not file.is_file():
        raise VolantError(f"{file} does not exist.")
    found: Form = form_of(file.name) if form is None else form  # type: ignore[assignment]
    part, notes = out.with_name(f".{out.name}.batch.part"), out.with_name(f".{out.name}.batch.json")
    about = file.stat()
    task = [bundle.manifest["digest"], str(file.resolve()), about.st_size, about.st_mtime_ns, found, column]
    out.parent.mkdir(parents=True, exist_ok=True)
    before = at = _before(notes, part, task)
    for at in answer_all(documents(file, found, column), answerer(bundle), part, LONGEST, before):
        write_text(json.dumps({"task": task, **asdict(at)}), notes)
        progress(at.done)
    os.replace(part, out)
    notes.unlink()
    return Done(at.done, before.done, str(out))


def _before(notes: Path, part: Path, task: list[object]) -> Progress:
    """How far an earlier run of the same task came."""
    try:
        said = json.loads(notes.read_text(encoding="utf-8"))
        if said["task"] == task and part.stat().st_size >= said["size"]:
            return Progress(said["done"], said["size"])
    except (OSError, ValueError, KeyError):
        pass  # there was none, or none that is of use
    return Progress()
