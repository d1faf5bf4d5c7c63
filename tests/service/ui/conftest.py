"""A real service with its pages, and a real browser in front of it: nothing may come from anywhere else."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from support.browser import CHROMIUM, Opening, pages
from support.serving import Server, serving
from support.shared import once
from support.versions import TREE, another, record
from volant import config
from volant.config import Flywheel
from volant.service.deployments.watcher import Watcher
from volant.stages.train import train
from volant.tracking.registry import Registry, registry
from volant.workspace.files import write_table

GOOD = ["superb", "moving", "charming", "delightful", "brilliant", "lovely", "gripping"]
BAD = ["dull", "clumsy", "tedious", "awful", "lifeless", "boring", "dreadful"]
THINGS = ["cast", "ending", "script", "camera work", "music", "story", "dialogue", "pace"]
FORMS = ["The {0} is {2} and the {1} {3}.", "A film with a {2} {0}; the {1} felt {3}.", "{2} {0}, {3} {1}."]
FORMS += ["I found the {0} {2}, and the {1} simply {3}.", "What a {2} {0}! Even the {1} was {3}."]
# warnings of Gradio's own parts, about their own parts: its charts, and the progress of an upload
NOISE = ("WARN ", "Method not implemented.")
GATE = {
    "passed": True,
    "reasons": [],
    "conditions": [
        {"name": "macro_f1", "value": 0.871, "bound": "at least 0.75", "passed": True, "note": ""},
        {
            "name": "against the active version",
            "value": "better",
            "bound": "better",
            "passed": True,
            "note": "macro_f1 0.8710 against 0.8460 on 400 rows: +0.0250 (+0.0040 to +0.0460, p 0.012)",
        },
    ],
}

SETTINGS = "limits: {texts_per_request: 20}\njobs: {upload_bytes: 100000}\nhosts: [films.example]\n"

expect.set_options(timeout=60_000)


def films(count: int, seed: int, several: bool = False) -> pa.Table:
    """Reviews that read like reviews; a few say the opposite of their label. Several: what they speak of."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        label = rng.choice(["fresh", "rotten"])
        words = GOOD if (label == "fresh") != (rng.random() < 0.08) else BAD
        (one, two) = rng.sample(THINGS, 2)
        (first, second) = rng.sample(words, 2)
        text = rng.choice(FORMS).format(one, two, first, second)
        row: dict[str, Any] = {"id": f"f{seed}-{number}", "text": text[0].upper() + text[1:]}
        rows.append(row | ({"labels": sorted((one, two))} if several else {"label": label, "movie": f"m{number % 40}"}))
    return pa.Table.from_pylist(rows)


def trained(name: str, rows: int, folder: Path) -> Path:
    """A small linear bundle of the flywheel `reviews`, or of `topics`, where several labels hold."""
    several = name == "topics"
    for seed, (split, count) in enumerate({"train": rows, "validation": 80}.items()):
        write_table(films(count, seed, several), folder / "data" / f"{split}.parquet")
    kind = "multilabel" if several else "classify"
    flywheel = config.validate(Flywheel, {**TREE, "kind": kind, "cleaning": ["whitespace"]}, "flywheel")
    train(name, flywheel, folder / "data", folder / name, folder / "work")
    return folder / name


def register(opened: Registry, name: str, bundle: Path, score: float) -> int:
    scores = {"macro_f1": score, "accuracy": score + 0.012, "ece": round(0.11 - score / 10, 4)}
    details = {"scores": scores, "intervals": {"macro_f1": [score - 0.02, score + 0.02]}}
    kept = record(details=details, datasets=[f"films-{score:.3f}"], config={**TREE, "rows": int(1000 * score)})
    return opened.register(name, bundle, kept, by="ann").number


@pytest.fixture(scope="session")
def filmed(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project: versions 1 to 4 of `reviews` (2 is active, 3 is best, 4 waits for approval), one of `topics`."""
    return once(tmp_path_factory, "filmed", lambda folder: make_filmed(folder, tables)) / "my project"


def make_filmed(folder: Path, tables: Path) -> None:
    work = folder / "work"
    root = folder / "my project"
    root.mkdir()
    shutil.copy(tables, root / "mlflow.db")
    few, many = (trained("reviews", rows, work / str(rows)) for rows in (60, 300))
    with registry(root) as opened:
        for score, like in ((0.791, few), (0.846, few), (0.893, many), (0.871, many)):
            another(like, work / str(score), int(1000 * score))
            number = register(opened, "reviews", work / str(score), score)
            if number < 4:
                opened.approve("reviews", number, by="bob")
        opened.annotate("reviews", 4, GATE)
        opened.promote("reviews", 2)
        opened.approve("topics", register(opened, "topics", trained("topics", 300, work / "t"), 0.9), by="bob")
        opened.promote("topics", 1)
    write_table(films(150, 7), root / "data/reviews/prepared/test.parquet")
    (root / "params.yaml").write_text("seed: 1\nflywheels:\n  reviews: {}\n  topics: {}\n")
    Watcher(root).update({"reviews/champion", "topics/champion"})


@pytest.fixture(scope="module")
def served(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("served") / "p"
    shutil.copytree(filmed, root)
    (root / "service.yaml").write_text(SETTINGS)
    with serving(root) as running:
        pages(running)
        yield running


@pytest.fixture(scope="module")  # not longer: Playwright's event loop would be in the way of other tests' own
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here: `apt-get install chromium`, or Google Chrome.")
    with sync_playwright() as started:
        # as root, and in containers, Chromium can't make a sandbox
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield found
        found.close()


class Watched:
    """What a page asked for and complained about: nothing may come from elsewhere, nothing may be complained about."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.foreign = list[str]()
        self.complaints = list[str]()

    def watch(self, page: Page) -> None:
        page.on("request", lambda request: self._asked(request.url))
        page.on("console", lambda said: self._complained(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.foreign.append(url)

    def _complained(self, kind: str, text: str) -> None:
        if kind == "error" or (kind == "warning" and not text.startswith(NOISE)):
            self.complaints.append(text)


@pytest.fixture
def opening(browser: Browser, served: Server) -> Iterator[Opening]:
    """Opens the page in a new browser profile; at the end nothing may have come from elsewhere or failed."""
    contexts: list[BrowserContext] = []
    watched = Watched(served.url)

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(30_000)
        page = context.new_page()
        watched.watch(page)
        page.goto(f"{served.url}/ui")
        expect(page.get_by_label("Model").first).not_to_have_value("")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert watched.foreign == []
    assert watched.complaints == []
