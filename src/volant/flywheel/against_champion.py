"""The new bundle against the champion and the best former champion, on test rows that neither has learned from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from volant import config
from volant.bundle.manifest import verify
from volant.errors import VolantError
from volant.evaluation.rows import served_rows
from volant.flywheel.champions import Answered, SilentError, TestRows, annotation, ask, learned_rows
from volant.flywheel.gate import Answers, Champions, Comparison, Past, compare, paired
from volant.kinds import KINDS, Kind
from volant.kinds.record import Annotation
from volant.workspace import paths
from volant.workspace.files import read_table

if TYPE_CHECKING:
    from volant.tracking.registry import Registry, Version


def rows(name: str, root: Path = Path()) -> pa.Table:
    """Return the test rows as served: raw texts of those that cleaning kept."""
    prepared = read_table(paths.prepared(name, root) / "test.parquet")
    return served_rows(prepared, read_table(paths.clean(name, root) / "test.parquet"))


def answers(name: str, kind: Kind, labels: tuple[str, ...], test: pa.Table, root: Path = Path()) -> Answers:
    """Return the evaluated bundle's prediction of each row, as the evaluation stored it; empty where there is none.

    Args:
        name: The flywheel's name.
        kind: Of the flywheel.
        labels: The bundle's label set.
        test: The test rows.
        root: The project's root.
    """
    said = read_table(paths.reports(name, root) / "predictions.parquet", ["id", "predicted", "scores"]).to_pylist()
    found = {row["id"]: annotation(kind, row) for row in said}
    # rows of labels that the bundle was not taught: no score is taken of them for this side
    nothing = Annotation(label=labels[0], scores=dict.fromkeys(labels, 0.0))
    return Answers(labels, [found.get(key, nothing) for key in test["id"].to_pylist()])


@dataclass(frozen=True)
class Contest:
    """An evaluated bundle to compare with champions on the same rows.

    Attributes:
        flywheel: Its config.
        registry: Has the champions.
        test: The test rows.
        name: Digest of the test rows.
        new: The evaluated bundle's answers.
        measured: Its digests of rows and labels, and its scores there.
        root: The project's root.
    """

    flywheel: config.Flywheel
    registry: "Registry"
    test: pa.Table
    name: str
    new: Answered
    measured: dict
    root: Path

    @classmethod
    def of(
        cls,
        flywheel_name: str,
        flywheel: config.Flywheel,
        registry: "Registry",
        test: pa.Table,
        measured: dict,
        root: Path,
    ) -> "Contest":
        """Read the evaluated bundle's answers and the record of its rows.

        Args:
            flywheel_name: Name of the flywheel.
            flywheel: Config of the flywheel.
            registry: Registry that has the champions.
            test: Test rows.
            measured: Digests of rows and labels, and the scores of the evaluated bundle.
            root: Root of the project.
        """
        folder = paths.bundle(flywheel_name, root)
        said = answers(flywheel_name, KINDS[flywheel.kind], tuple(verify(folder)["labels"]), test, root)
        new = Answered(said, learned_rows(folder, test, flywheel.split.group))
        return cls(flywheel, registry, test, measured["test"], new, measured, root)

    def against(
        self, champion: "Version", others: Sequence["Version"], look: int
    ) -> tuple[Comparison | None, Champions]:
        """Return the comparison with the champion, or why there is none, and the best of the former champions.

        A `VolantError` results if the registry's files can't be reached, or memory runs out.

        Args:
            champion: Version that is the champion.
            others: Former champions.
            look: Number of this comparison.
        """
        best, notes = self._best(others, look)
        told = Champions(exists=True, best=best, labels=self.flywheel.labels, notes=tuple(notes))
        try:
            old = self._ask(champion)
        except SilentError as error:
            return None, replace(told, trouble=str(error), recorded=self._recorded(champion))
        kept, excluded = self._unlearned(old)
        if excluded and len(kept) < self.flywheel.gate.min_support:
            return None, replace(told, trouble=self._too_few(champion, len(kept)))
        try:
            found = self._compare(kept, old, look)
        except VolantError as error:
            return None, replace(told, trouble=f"version {champion.number} can't be compared: {error}")
        if old.learned is None:
            note = f"version {champion.number} keeps no record of the rows it learned from, so none could be excluded"
            told = replace(told, notes=(*told.notes, note))
        return replace(found, learned=excluded), told

    def _compare(self, kept: np.ndarray, old: Answered, look: int) -> Comparison:
        wheel = self.flywheel
        slices = [*wheel.evaluation.slices, *(["dataset"] if "dataset" in self.test.column_names else [])]
        test = self.test.take(kept)
        new = _some(self.new, kept)
        said = _some(old, kept)
        samples = wheel.evaluation.bootstrap_samples
        terms = (slices, wheel.gate, wheel.seed, samples, wheel.split.group, look)
        return compare(KINDS[wheel.kind], wheel.metric, test, new, said, *terms)

    def _best(self, others: Sequence["Version"], look: int) -> tuple[Past | None, list[str]]:
        """Return the former champion over which the new version gains least, and a note on each that can't predict."""
        found: list[Past] = []
        notes: list[str] = []
        for version in others:
            try:
                found.append(self._past(version, look))
            except SilentError as error:
                past = self._recorded(version)
                found += [past] if past else []
                notes += [] if past else [f"{error}, and it has no recorded score on these rows; it was skipped"]
        # of those with the same difference, one that answered comes first: it has a lower end
        return min(found, key=lambda past: (past.difference or 0.0, past.low is None), default=None), notes

    def _past(self, version: "Version", look: int) -> Past:
        old = self._ask(version)
        wheel = self.flywheel
        kept, excluded = self._unlearned(old)
        if excluded and len(kept) < wheel.gate.min_support:
            raise SilentError(self._too_few(version, len(kept)))
        new = _some(self.new, kept)
        said = _some(old, kept)
        try:
            pair = paired(KINDS[wheel.kind], wheel.metric, self.test.take(kept), new, said, wheel.split.group)
        except VolantError as error:  # nothing that both can answer
            raise SilentError(f"version {version.number} can't be compared: {error}") from error
        draws = (wheel.evaluation.bootstrap_samples, wheel.seed)
        return Past.answering(version.number, pair, wheel.gate.confidence, look, draws)

    def _ask(self, version: "Version") -> Answered:
        rows = TestRows(self.test, KINDS[self.flywheel.kind], self.name, self.flywheel.split.group)
        return ask(self.registry, version, rows, self.root)

    def _unlearned(self, old: Answered) -> tuple[np.ndarray, int]:
        """Return the positions of the rows that neither has learned from, and how many are excluded."""
        learned = np.zeros(len(self.test), dtype=bool)
        for side in (self.new, old):
            learned |= side.learned if side.learned is not None else False
        kept = np.flatnonzero(~learned)
        return kept, len(self.test) - len(kept)

    def _too_few(self, version: "Version", left: int) -> str:
        return (
            f"only {left} of {len(self.test):,} test rows are left that neither the new version nor version "
            f"{version.number} learned from, and gate.min_support is {self.flywheel.gate.min_support}; add TEST rows"
        )

    def _recorded(self, version: "Version") -> Past | None:
        """Return a champion's score on these very rows, with these labels, as the gate recorded it."""
        kept = version.gated
        metric = self.flywheel.metric
        if any(kept.get(key) != self.measured[key] for key in ("test", "labels")) or metric not in kept["scores"]:
            return None
        return Past.recorded(version.number, metric, kept["scores"][metric], self.measured["scores"].get(metric))


def _some(answered: Answered, rows: np.ndarray) -> Answers:
    said = answered.answers.predicted
    return Answers(answered.answers.labels, [said[k] for k in rows])
