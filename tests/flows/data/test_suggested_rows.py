"""What was suggested is labelled, ingested, and not suggested again."""

import csv
from pathlib import Path

import pytest

from support.lake import project, template  # noqa: F401  (fixtures)
from support.texts import reviews
from volant import config
from volant.datasets.ingest.ingest import ingest
from volant.flywheel.advice import suggest
from volant.flywheel.advice.suggest import write_suggested
from volant.stages.train import train
from volant.workspace.files import write_table


@pytest.mark.slow
def test_labelled_suggestions_go_into_the_lake(project: Path) -> None:  # noqa: F811
    flywheel = config.flywheel("mine", config.load(project / "params.yaml"))
    for seed, split in enumerate(("train", "validation", "test")):
        for state in ("prepared", "clean"):
            write_table(reviews(120, seed), project / f"data/mine/{state}/{split}.parquet")
    train("mine", flywheel, project / "data/mine/clean", project / "models/mine", project / "work")
    pool, truth = project / "rows/pool.parquet", reviews(80, seed=50)
    write_table(truth.select(["text"]), pool)
    found = suggest("mine", flywheel, str(pool), 10, root=project)
    out = project / "rows/to_label.csv"
    write_suggested(found, out)
    label = dict(zip(truth["text"].to_pylist(), truth["label"].to_pylist(), strict=True))
    with out.open(newline="") as stream:
        rows = [{**row, "label": label[row["text"]]} for row in csv.DictReader(stream)]
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    report = ingest("mine", [str(out)], "train", root=project)
    assert (report.added, report.bad) == (10, {})
    again = suggest("mine", flywheel, str(pool), 100, root=project)
    assert again.known == 10
    assert {row["text"] for row in again.rows}.isdisjoint(row["text"] for row in rows)
