"""The champions that a version is compared with beside the comparison itself: former ones, and recorded scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from volant.flywheel.gate.evidence import ROUNDING, low_end, spent
from volant.flywheel.gate.pair import Pair
from volant.kinds.rates import gain_sign


@dataclass(frozen=True)
class Past:
    """The best former champion on today's test rows, or one that can't predict, by its recorded score.

    Attributes:
        version: Its number.
        metric: The flywheel's metric.
        score: Its score.
        difference: How much better the new version is on the same rows; None where that is undefined.
        low: Lower end of the difference; None for a recorded score, whose answers are not kept.
        rows: Rows that were compared.
    """

    version: int
    metric: str
    score: float
    difference: float | None
    low: float | None = None
    rows: int | None = None

    @classmethod
    def recorded(cls, version: int, metric: str, score: float, new: float | None) -> "Past":
        """Return a champion's score as the gate recorded it on the same test rows, against the new version's.

        Args:
            version: Number of the champion.
            metric: Metric of the flywheel.
            score: Recorded score of the champion.
            new: Score of the new version; None if undefined.
        """
        sign = gain_sign(metric)
        return cls(version, metric, score, None if new is None else sign * (new - score))

    @classmethod
    def answering(cls, version: int, pair: Pair, confidence: float, look: int, draws: tuple[int, int]) -> "Past":
        """Return a champion that predicted today's rows; `draws`: resamples and seed.

        Args:
            version: Number of the champion.
            pair: Predictions of both on the same rows.
            confidence: Confidence that the gate requires.
            look: Number of this comparison.
            draws: Number of resamples, and their seed.
        """
        spread = pair.spread(samples=draws[0], seed=draws[1])
        rows = len(pair.rows)
        low = float(low_end(pair.difference, spread, rows, pair.units, spent(look, confidence)))
        return cls(version, pair.metric, pair.before, pair.difference, low, rows)

    def holds(self, margin: float) -> bool:
        """Return whether a loss over the margin is excluded; of a recorded score, whether it was not measured."""
        at = self.difference if self.low is None else self.low
        return at is not None and at >= -margin - ROUNDING


@dataclass(frozen=True)
class Champions:
    """The champions that a version is compared with, beside the comparison itself.

    Attributes:
        exists: Whether there is a champion.
        trouble: Why there is no comparison although there is one.
        recorded: The champion's recorded score on the same test rows, where it can't answer.
        best: The best former champion, where it is another one.
        labels: Labels that config lists; None if it lists none.
        notes: What else a person should know.
    """

    exists: bool = False
    trouble: str = ""
    recorded: Past | None = None
    best: Past | None = None
    labels: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
