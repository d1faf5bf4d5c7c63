"""The record of an iteration."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from volant.config import Flywheel
from volant.flywheel.dvc import News, Ran
from volant.flywheel.gate import Comparison, Decision

Outcome = Literal["nothing", "evaluated", "promoted", "waiting", "undecided", "rejected"]


@dataclass
class Iteration:
    """The record of one iteration: news, stages, decision; `reports/<flywheel>/iteration.json`.

    Attributes:
        flywheel: Its name.
        case: `nothing`, `test`, `train`, `both`, `first`, `changed` (code, config or files of the source) or
            `resumed` (an iteration that was interrupted after its stages).
        news: What DVC found changed.
        datasets: Names of the datasets that the last iteration had not seen.
        ran: Stages that ran, and those that DVC restored.
        outcome: How it ended.
        active: Number of the champion before the iteration.
        version: Number of the version of the bundle that was evaluated.
        metric: The flywheel's metric.
        new: Test scores of the evaluated bundle, with intervals.
        comparison: Against the champion on the same rows.
        decision: The gate's, condition by condition.
        next: The command that comes next.
        decided_before: How often these test rows had decided on a version before.
        judged: Decision and comparison, to be shown.
        config: Config of the flywheel.
    """

    flywheel: str
    case: str
    news: News
    datasets: list[str] = field(default_factory=list)
    ran: Ran = field(default_factory=Ran)
    outcome: Outcome = "nothing"
    active: int | None = None
    version: int | None = None
    metric: str = ""
    new: dict[str, Any] = field(default_factory=dict)
    comparison: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None
    next: str = ""
    decided_before: int = 0
    judged: tuple[Decision, Comparison | None] | None = None
    config: Flywheel | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without what is only for this process."""
        return {name: value for name, value in asdict(self).items() if name not in ("judged", "config")}
