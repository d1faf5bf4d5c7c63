"""Feedback on real files: kept before it is acknowledged, in quarantine until people or many clients agree."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.collecting import answered
from support.texts import reviews
from volant.service import settings
from volant.service.access.rate import FILE, TABLE, Rate
from volant.service.capture.capture import Capture
from volant.service.errors import RefusedError
from volant.service.feedback.intake import Feedback, ModelInfo, Submission
from volant.service.feedback.items import Item
from volant.service.feedback.log import HOME, FeedbackLog
from volant.service.feedback.review import accept, reject
from volant.service.feedback.screening import DatasetTexts
from volant.service.feedback.truth import publish
from volant.workspace.files import write_table
from volant.workspace.journal import Journal
from volant.workspace.sqlite import opened

MODEL = ModelInfo("films", "mine", "classify", ("fresh", "rotten"))
TOPICS = ModelInfo("topics", "topics", "multilabel", ("cast", "film", "plot"))


@pytest.fixture
def feedback(tmp_path: Path) -> Feedback:
    return Feedback(settings.Feedback(per_client_per_minute=10_000), root=tmp_path)


def say(feedback: Feedback, client: str, text: str = "a film", label: str = "fresh", **more: Any) -> Item:
    return feedback.add(Submission(client, text=text, labels=(label,), **more), MODEL)


def test_kept_in_the_ground_truth_layout(feedback: Feedback, tmp_path: Path) -> None:
    item = feedback.add(
        Submission("c1", "e7", correct=False, labels=("rotten",), comment="by ann@example.com"), MODEL, answered("e7")
    )
    assert (item.status, item.version, item.predicted, item.labels) == ("quarantined", "3", ("fresh",), ("rotten",))
    [line] = (tmp_path / HOME / "mine.jsonl").read_text().splitlines()
    tree = json.loads(line)
    assert tree["groundTruthData"] == {"data": "rotten", "encoding": "CSV"}
    assert (tree["eventMetadata"], tree["eventVersion"]) == ({"eventId": "e7"}, "0")
    assert tree["feedback"]["comment"] == "by [email]"
    assert (tmp_path / HOME / "mine.jsonl").stat().st_mode & 0o077 == 0


def test_thumbs(feedback: Feedback) -> None:
    up = feedback.add(Submission("c1", "e1", correct=True), MODEL, answered("e1"))
    down = feedback.add(Submission("c2", "e1", correct=False), MODEL, answered("e1"))
    assert (up.labels, down.labels) == (("fresh",), None)
    with pytest.raises(RefusedError, match=r"Give it with --label"):
        accept(feedback.log, "mine", [down.id], "ann")
    assert accept(feedback.log, "mine", [down.id], "ann", {"labels": ["rotten"]})[0].labels == ("rotten",)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Submission("c"), "refers to nothing"),
        (Submission("c", text="a film"), '"correct": true or false'),
        (Submission("c", text="a film", correct=True), 'give the correct "label"'),
        (Submission("c", text="a film", labels=("frehs",)), "Did you mean 'fresh'"),
        (Submission("c", text="a film", labels=("fresh", "rotten")), "one label to each text; 2 were given"),
        (Submission("c", labels=("fresh",)), '{"id": …} of a prediction'),
    ],
)
def test_what_makes_no_sense_is_refused(feedback: Feedback, said: Submission, why: str) -> None:
    with pytest.raises(RefusedError, match=why.replace("{", r"\{")) as refused:
        feedback.add(said, MODEL)
    assert refused.value.status == 422
    assert not feedback.log.items("mine")


def test_thumb_and_label_must_agree(feedback: Feedback) -> None:
    for correct, label in ((True, "rotten"), (False, "fresh")):
        with pytest.raises(RefusedError, match=r"contradicts `label`. Send only one"):
            feedback.add(Submission("c", "e1", correct=correct, labels=(label,)), MODEL, answered("e1"))


def test_a_quorum_of_different_clients_accepts(feedback: Feedback) -> None:
    first = say(feedback, "c1")
    assert say(feedback, "c1").id == first.id  # the same client again is no second vote
    say(feedback, "c2", "A  Film")
    assert [item.status for item in feedback.log.items("mine")] == ["quarantined"] * 2
    say(feedback, "c3")
    assert {(item.status, item.by) for item in feedback.log.items("mine")} == {("accepted", "quorum")}


def test_who_changes_his_mind_votes_once(feedback: Feedback) -> None:
    wrong = say(feedback, "c1", label="rotten")
    for client in ("c2", "c3"):
        say(feedback, client)
    assert say(feedback, "c1").status == "accepted"
    [item] = feedback.log.items("mine", "rejected")
    assert (item.id, item.by) == (wrong.id, "client")


def test_conflicts_wait_for_a_person(feedback: Feedback, tmp_path: Path) -> None:
    write_table(reviews(20), tmp_path / "data/mine/prepared/train.parquet")
    first = reviews(20).to_pylist()[0]
    other = "rotten" if first["label"] == "fresh" else "fresh"
    item = [say(feedback, client, first["text"], other) for client in "abc"][-1]
    assert item.status == "quarantined"
    assert item.reasons == (f"conflict: in train this text has {first['label']}",)
    down = feedback.add(Submission("x", "e1", correct=False), MODEL, answered("e1", "another film"))
    item = [say(feedback, client, "another film") for client in "abc"][-1]
    assert (item.status, item.reasons) == ("quarantined", (f"conflict: {down.id} reports this as wrong",))


def test_a_person_is_not_overruled(feedback: Feedback) -> None:
    rejected = reject(feedback.log, "mine", [say(feedback, "c1").id], "ann")
    item = [say(feedback, client) for client in ("c2", "c3", "c4", "c5")][-1]
    assert item.status == "quarantined"
    assert item.reasons == (f"ann rejected the same before ({rejected[0].id})",)
    assert say(feedback, "c1").id == rejected[0].id


@pytest.mark.parametrize("place", ["prepared/test.parquet", "lake/test/held-1.parquet"])
def test_test_texts_are_never_learnt(feedback: Feedback, tmp_path: Path, place: str) -> None:
    write_table(reviews(20), tmp_path / "data/mine" / place)
    row = reviews(20).to_pylist()[3]
    item = say(feedback, "c1", row["text"].upper(), row["label"])
    assert (item.status, item.by) == ("rejected", "firewall")
    with pytest.raises(RefusedError, match="its text is in the test set") as refused:
        accept(feedback.log, "mine", [item.id], "ann")
    assert refused.value.status == 409


def test_a_test_text_with_an_address_is_not_learnt_though_a_person_accepts_it(
    feedback: Feedback, tmp_path: Path
) -> None:
    rows = [{**row, "text": f"{row['text']} by ann{i}@example.com"} for i, row in enumerate(reviews(9).to_pylist())]
    item = say(feedback, "c1", rows[3]["text"], rows[3]["label"])  # before its text was in the test set
    assert (item.status, "[email]" in (item.text or "")) == ("quarantined", True)
    write_table(pa.Table.from_pylist(rows, reviews(9).schema), tmp_path / "data/mine/prepared/test.parquet")
    assert say(feedback, "c2", rows[3]["text"], rows[3]["label"]).by == "firewall"
    with pytest.raises(RefusedError, match="its text is in the test set"):
        accept(feedback.log, "mine", [item.id], "ann")
    with pytest.raises(RefusedError, match="its text is in the test set"):
        accept(feedback.log, "mine", [item.id], "ann", texts=feedback.texts)


def test_texts_are_read_while_nobody_is_kept_from_giving_feedback(
    feedback: Feedback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(reviews(20), tmp_path / "data/mine/prepared/test.parquet")
    began = threading.Event()
    go = threading.Event()
    read = DatasetTexts._index

    def slowly(known: DatasetTexts, path: Path) -> Any:
        began.set()
        assert go.wait(30)
        return read(known, path)

    monkeypatch.setattr(DatasetTexts, "_index", slowly)
    first = threading.Thread(target=say, args=(feedback, "c1"))
    first.start()
    assert began.wait(30)
    try:
        with Journal(tmp_path / HOME / "mine.jsonl").path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the lock of the journal is free meanwhile
    finally:
        go.set()
        first.join()
    assert len(feedback.log.items("mine")) == 1


def test_contradictions_are_not_accepted(feedback: Feedback) -> None:
    one = say(feedback, "c1")
    two = say(feedback, "c2", label="rotten")
    with pytest.raises(RefusedError, match="contradicts"):
        accept(feedback.log, "mine", [one.id, two.id], "ann")
    assert len(feedback.log.items("mine", "quarantined")) == 2  # all or none
    accept(feedback.log, "mine", [one.id], "ann")
    before = (feedback.log.root / HOME / "mine.jsonl").read_bytes()
    accept(feedback.log, "mine", [one.id], "ann")
    assert (feedback.log.root / HOME / "mine.jsonl").read_bytes() == before
    with pytest.raises(RefusedError, match="Did you mean"):
        reject(feedback.log, "mine", [one.id[:-1]], "ann")


def test_multilabel(feedback: Feedback) -> None:
    item = feedback.add(Submission("c", text="plot and cast", labels=("plot", "cast")), TOPICS)
    nothing = feedback.add(Submission("c", text="n1 n2", labels=()), TOPICS)
    assert (item.labels, nothing.labels) == (("cast", "plot"), ())
    assert item.ground_truth["groundTruthData"]["data"] == "cast,plot"


def test_text_of_an_old_answer_is_found_among_the_captures(feedback: Feedback, tmp_path: Path) -> None:
    capture = Capture(root=tmp_path)
    capture.put([answered("e1", "by ann@example.com", model="films")])
    capture.close()
    item = feedback.add(Submission("c", "e1", labels=("rotten",)), MODEL)
    lost = feedback.add(Submission("c", "e2", labels=("rotten",)), MODEL)
    assert item.text is None
    [done] = accept(feedback.log, "mine", [item.id], "ann")
    assert (done.text, done.predicted, done.status) == ("by [email]", ("fresh",), "accepted")
    with pytest.raises(RefusedError, match="not in the captures"):
        accept(feedback.log, "mine", [lost.id], "ann")


def test_accepted_ones_are_published_once(feedback: Feedback, tmp_path: Path) -> None:
    item = feedback.add(Submission("c", "e1", correct=True), MODEL, answered("e1", model="films"))
    assert publish(feedback.log, "mine") == 0
    accept(feedback.log, "mine", [item.id], "ann")
    assert (publish(feedback.log, "mine"), publish(feedback.log, "mine")) == (1, 0)
    [file] = (tmp_path / ".lake/groundtruth/films").rglob("*.jsonl")
    assert json.loads(file.read_text()) == item.ground_truth


def published(root: Path) -> list[str]:
    """Ids in all ground truth."""
    lines = [line for file in (root / ".lake/groundtruth").rglob("*.jsonl") for line in file.read_text().splitlines()]
    return sorted(json.loads(line)["eventMetadata"]["eventId"] for line in lines)


def given(feedback: Feedback, number: int) -> Item:
    """Accepted feedback on an answer."""
    said = Submission("c", f"e{number}", correct=True)
    item = feedback.add(said, MODEL, answered(f"e{number}", f"film {number}", model="films"))
    return accept(feedback.log, "mine", [item.id], "ann")[0]


def test_who_is_killed_before_it_is_written_down_publishes_nothing_twice(
    feedback: Feedback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(feedback, 1)
    mark = FeedbackLog.mark

    def killed(book: FeedbackLog, flywheel: str, changes: dict[str, Any]) -> None:
        if any("published" in change for change in changes.values()):
            raise KeyboardInterrupt
        mark(book, flywheel, changes)

    monkeypatch.setattr(FeedbackLog, "mark", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(feedback.log, "mine")
    monkeypatch.undo()
    assert published(tmp_path) == ["e1"]
    given(feedback, 2)  # what is new meanwhile doesn't change where the first belongs
    assert publish(FeedbackLog(tmp_path), "mine") == 2
    assert published(tmp_path) == ["e1", "e2"]


def test_many_who_publish_at_once_publish_nothing_twice(feedback: Feedback, tmp_path: Path) -> None:
    ids = [given(feedback, number).event_id for number in range(5)]
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        publish(FeedbackLog(tmp_path), "mine")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert published(tmp_path) == ids


def test_a_label_that_is_corrected_later_is_corrected_in_the_lake(feedback: Feedback, tmp_path: Path) -> None:
    first = given(feedback, 1)
    given(feedback, 2)
    publish(feedback.log, "mine")
    accept(feedback.log, "mine", [first.id], "ann", {"labels": ["rotten"]})
    publish(feedback.log, "mine")
    [file] = (tmp_path / ".lake/groundtruth/films").rglob("*.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["groundTruthData"]["data"] for row in rows] == ["rotten", "fresh"]


def test_rate_of_one_client_is_limited_and_of_others_not(tmp_path: Path) -> None:
    feedback = Feedback(settings.Feedback(per_client_per_minute=3), root=tmp_path)
    for _ in range(3):
        feedback.admit("c1")
    with pytest.raises(RefusedError, match="per_client_per_minute is 3") as refused:
        feedback.admit("c1")
    assert refused.value.status == 429
    assert 1 <= (refused.value.retry_after or 0) <= 21
    feedback.admit("c2")


def test_rate_is_counted_for_all_workers_together_and_over_a_restart(tmp_path: Path) -> None:
    workers = [Rate(4, tmp_path), Rate(4, tmp_path)]
    assert [workers[turn % 2].wait("c") == 0 for turn in range(6)] == [True] * 4 + [False] * 2
    assert 0 < Rate(4, tmp_path).wait("c") <= 15
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_rate_comes_back_with_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    rate = Rate(2, tmp_path)
    monkeypatch.setattr("volant.service.access.rate.time.time", lambda: now)
    assert [rate.wait("c"), rate.wait("c"), rate.wait("c")] == [0, 0, 30]
    now += 30
    assert [rate.wait("c"), rate.wait("c")] == [0, 30]
    now += 61
    assert rate.wait("other") == 0
    with opened(tmp_path / FILE, TABLE) as base:  # who was silent for a minute is forgotten
        assert base.execute("SELECT client FROM clients").fetchall() == [("other",)]


def test_rate_lets_feedback_through_where_it_cannot_count(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_bytes(b"no database, but long enough to be read as one" * 100)
    rate = Rate(1, tmp_path)
    assert [rate.wait("c") == 0 for _ in range(3)] == [True, True, False]  # the broken file is replaced


def test_processes_see_what_others_wrote(feedback: Feedback, tmp_path: Path) -> None:
    other = FeedbackLog(tmp_path)
    item = say(feedback, "c1")
    assert [one.id for one in other.items("mine")] == [item.id]
    reject(other, "mine", [item.id], "ann")
    assert feedback.log.items("mine")[0].status == "rejected"


def test_many_threads_lose_nothing(feedback: Feedback, tmp_path: Path) -> None:
    def work(number: int) -> None:
        for i in range(20):
            say(feedback, f"c{number}", f"text {number} {i}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(FeedbackLog(tmp_path).items("mine")) == 160


KILLED = """
import sys
from pathlib import Path
from volant.service import settings
from volant.service.feedback.intake import ModelInfo, Feedback, Submission
feedback = Feedback(settings.Feedback(), root=Path(sys.argv[1]))
model = ModelInfo("films", "mine", "classify", ("fresh", "rotten"))
for number in range(100_000):
    print(feedback.add(Submission("c", text=f"text {number}", labels=("fresh",)), model).id, flush=True)
"""


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    seen = [process.stdout.readline().strip() for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    seen += process.stdout.read().split()
    process.wait()
    path = tmp_path / HOME / "mine.jsonl"
    with path.open("ab") as file:  # and what a kill in the middle of a line leaves
        file.write(b'{"feedback": {"id": "half')
    kept = FeedbackLog(tmp_path)
    assert {item.id for item in kept.items("mine")} >= set(seen)
    count = len(kept.items("mine"))
    say(Feedback(root=tmp_path), "c9", "one more")
    assert len(kept.items("mine")) == len(FeedbackLog(tmp_path).items("mine")) == count + 1
    assert os.path.getsize(path) > 0
