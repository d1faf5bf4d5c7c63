"""What one file may cost, and what clients may cost each other: long lines and headers, stops, turns."""

import random
import threading
import time
import tracemalloc
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from support.jobs import echo, ended, lines, written
from volant.bundle.batch import answering as jobs_answer
from volant.bundle.batch.answering import answer_all
from volant.bundle.batch.reading import Bounds, Form, documents
from volant.errors import VolantError, did_you_mean
from volant.service import settings
from volant.service.jobs import work
from volant.service.jobs.job import Job, new
from volant.service.jobs.jobs import Jobs
from volant.service.jobs.spool import spool, spooled

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("form", "text", "says"),
    [
        ("lines", "fine\n" + "x" * (MIB + 1), "line 2: longer than 1,048,576 characters"),
        ("jsonl", '{"text": "a", "x": "' + "x" * (20 * MIB) + '"}', "line 1: longer than 1,048,576 characters"),
        ("csv", "text,x\na," + "b" * (20 * MIB) + "\n", "line 2: longer than 1,048,576 characters"),
        ("csv", 'text\nfine\n"a\n' + "b\n" * MIB, "line 3: a quote opens here and never closes"),
        ("csv", ",".join(f"c{number}" for number in range(20_000)), "20,000 columns, at most 10,000"),
        ("csv", "x" * 2000 + ",txt\n", "no column 'text'"),
        ("jsonl", '{"text": "a", "x": [' + "[]," * 200_000 + "0]}", "line 1: more than 100,000 values"),
        ("jsonl", '{"text": "a", "x": ' + "[" * 500 + "]" * 500 + "}", "line 1: nested deeper than 100 levels"),
    ],
)
def test_a_line_is_bounded_before_it_is_parsed(tmp_path: Path, form: Any, text: str, says: str) -> None:
    (tmp_path / "file").write_text(text)
    tracemalloc.start()
    with pytest.raises(VolantError) as error:
        list(documents(tmp_path / "file", form))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert says in str(error.value)
    assert len(str(error.value)) < 500
    assert peak < 12 * MIB


def test_lines_up_to_the_limit_are_read(tmp_path: Path) -> None:
    text = "x" * 100
    for form, body in {
        "lines": f"{text}\r\n{text}",
        "csv": f"text\r\n{text}\r\n",
        "jsonl": '{"text": "[[{{,,"}\n' * 9,
    }.items():
        (tmp_path / "file").write_bytes(body.encode())
        found = list(documents(tmp_path / "file", cast(Form, form), bounds=Bounds(line=102)))  # with the line's end
        assert len(found) == {"lines": 2, "csv": 1, "jsonl": 9}[form]


def test_many_commas_in_a_text_are_no_values(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('{"text": "' + r"\"[{," * 100_000 + '"}\n')
    assert len(next(documents(tmp_path / "file", "jsonl"))[1]) == 400_000


def test_near_names_are_found_in_bounded_time() -> None:
    letters = list("ab" * 99 + "a")
    names = []
    for seed in range(3000):
        random.Random(seed).shuffle(letters)
        names.append("".join(letters))
    start = time.monotonic()
    did_you_mean("".join(sorted(letters)), names)
    assert time.monotonic() - start < 5  # 40 s without bounds
    assert did_you_mean("lable", {"label": 1, "text": 2}) == " Did you mean 'label'?"
    assert len(did_you_mean("x" * 5000, ["x" * 5000])) < 300


def test_a_chunk_of_long_texts_is_bounded(tmp_path: Path) -> None:
    found = ((number, "x" * 20_000) for number in range(1000))
    sizes = []

    def answer(texts: Sequence[str]) -> list[dict[str, Any]]:
        sizes.append(sum(map(len, texts)))
        return [{} for _ in texts]

    assert list(answer_all(found, answer, tmp_path / "result", 20_000))[-1].done == 1000
    assert max(sizes) <= jobs_answer.CHARACTERS + 20_000


def test_documents_are_read_once_and_kept_as_they_are(tmp_path: Path) -> None:
    found = [(1, "a\u2028b"), (2, ""), (5, "half \ud800, \r\n and \x00")]
    assert list(spool(iter(found), tmp_path / "documents", 10_000))[-1] == 3
    assert list(spooled(tmp_path / "documents")) == found
    with pytest.raises(OverflowError):
        list(spool(((number, "x") for number in range(5000)), tmp_path / "large", 1000))
    assert [path.name for path in tmp_path.iterdir()] == ["documents"]


def test_a_job_reads_its_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(work, "documents", lambda *a: read.append(a) or documents(*a))
    jobs = Jobs(echo, root=tmp_path)
    job = jobs.submit(new("films", "csv", "text", "me"), written("text\nfine\n"))
    (jobs.store.folder(job.id) / ".documents.jsonl.part").write_text("what a kill left")
    gone = jobs.submit(new("films", "csv", "text", "me"), written("text\nfine\n"))
    (jobs.store.folder(gone.id) / ".documents.jsonl.part").write_text("what a kill left")
    jobs.stop(gone.id)
    jobs.start()
    assert ended(jobs, job).state == "COMPLETED"
    assert ended(jobs, gone).state == "STOPPED"
    jobs.close()
    assert len(read) == 1
    assert sorted(path.name for path in jobs.store.folder(job.id).iterdir()) == ["job.json", "result.jsonl"]
    assert sorted(path.name for path in jobs.store.folder(gone.id).iterdir()) == ["job.json", "stop"]


@pytest.mark.parametrize("body", ["\n" * 300_000, "text\n" + "x" * 70_000 + "\n" * 5000, "txt\n" + "x" * 70_000])
def test_a_stop_is_heard_while_the_file_is_read_and_never_becomes_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    reached = threading.Event()
    go_on = threading.Event()

    def slowly(*given: Any) -> Any:
        reached.set()
        assert go_on.wait(10)
        yield from documents(*given)

    monkeypatch.setattr(work, "documents", slowly)
    jobs = Jobs(echo, root=tmp_path)
    job = jobs.submit(new("films", "csv", "text", "me"), written(body))
    jobs.start()
    assert reached.wait(10)
    jobs.stop(job.id)
    go_on.set()
    now = ended(jobs, job)
    jobs.close()
    assert (now.state, now.error) == ("STOPPED", None)


def test_one_line_does_not_wait_for_ten_long_files_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_answer, "CHECKPOINT", 0.01)

    def slow(_: Job) -> Any:
        return lambda texts: time.sleep(0.02) or [{"label": text[:1]} for text in texts]

    jobs = Jobs(slow, root=tmp_path)
    long = [jobs.submit(new("films", "lines", "text", "me"), written("a text\n" * 5000)) for _ in range(10)]
    jobs.start()
    mine = jobs.submit(new("films", "lines", "text", "you"), written("one\n"))
    start = time.monotonic()
    assert ended(jobs, mine).state == "COMPLETED"
    assert time.monotonic() - start < 2  # all of the others are 4 s and more
    assert jobs.store.get(long[-1].id).state == "SUBMITTED"
    assert ended(jobs, long[0]).state == "COMPLETED"
    jobs.close()
    assert [row["line"] for row in lines(jobs.store.result(long[0].id))] == list(range(1, 5001))


def test_a_job_that_was_interrupted_by_turns_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_answer, "CHECKPOINT", 0.0)
    numbers = count()

    def answering(job: Job) -> Any:
        return lambda texts: [{"n": next(numbers), "of": job.owner} for _ in texts]

    jobs = Jobs(answering, root=tmp_path)
    made = [jobs.submit(new("films", "lines", "text", who), written("a text\n" * 2000)) for who in ("ann", "bob")]
    jobs.start()
    rows = [lines(jobs.store.result(ended(jobs, job).id)) for job in made]
    jobs.close()
    assert [[row["line"] for row in one] for one in rows] == [list(range(1, 2001))] * 2
    assert [{row["of"] for row in one} for one in rows] == [{"ann"}, {"bob"}]
    assert rows[0][-1]["n"] > rows[1][0]["n"] < rows[1][-1]["n"]  # in turns


def test_what_is_read_is_bounded_by_what_may_be_kept(tmp_path: Path) -> None:
    jobs = Jobs(echo, settings.Settings(jobs=settings.Jobs(kept_bytes=20_000)), tmp_path)
    job = jobs.submit(new("films", "lines", "text", "me"), written("\n" * 10_000))
    jobs.start()
    now = ended(jobs, job)
    jobs.close()
    assert now.state == "FAILED"
    assert "The documents take more than 20000 bytes (jobs.kept_bytes)" in (now.error or "")
