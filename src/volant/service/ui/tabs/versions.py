"""The tab Versions: a table of a flywheel's versions, a chart of their metrics, and the differences between two."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import flywheels
from volant.service.ui.page import PRIVATE, Page, showing_errors
from volant.service.ui.tabs import versions_table
from volant.workspace.paths import SERVICE

if TYPE_CHECKING:
    import pandas as pd

    from volant.tracking.registry import Version

TEXTS = 20  # maximum number of differently predicted texts
CHARTED = 2  # number of metrics in the chart at first


def add(page: Page, tab: gr.Tab) -> None:
    """Add the tab's components and their handlers."""
    flywheel = page.flywheel()
    overview = Versions(page)
    gr.HTML("<h2>Compare two versions</h2>")
    with gr.Row():
        first = gr.Dropdown([], label="First version", interactive=True)
        second = gr.Dropdown([], label="Second version", interactive=True)
    button = gr.Button("Compare")
    comparison = gr.HTML("", elem_id="compared")
    token = page.token
    outputs = [*overview.parts, first, second, comparison]

    def load(was_opened: bool, wheel: str | None, token: str, request: gr.Request) -> Any:
        if not was_opened:
            return {}
        page.deployed(page.who(token, request))  # allowed for every user of the service
        versions = flywheels.versions(wheel)
        numbers = [str(version.number) for version in versions]
        return {
            **overview.values(wheel, versions),
            first: gr.Dropdown(choices=numbers, value=next(iter(numbers[1:2] or numbers), None)),
            second: gr.Dropdown(choices=numbers, value=next(iter(numbers), None)),
            comparison: "",
        }

    def compare(wheel: str, one: str | None, other: str | None, token: str, request: gr.Request) -> Any:
        who = page.who(token, request)
        page.deployed(who)
        if not (one and other):
            raise VolantError("Choose two versions.")
        from volant.tracking.difference import difference

        # without the admin token no texts are shown: the folder has no test rows
        root = flywheels.ROOT if page.is_admin(who) else flywheels.ROOT / SERVICE
        with flywheels.opened() as registry:
            changes = difference(registry, wheel, (int(one), int(other)), TEXTS, root)
        return {comparison: versions_table.difference(changes)}

    opened = gr.State(False)
    safe_load = showing_errors(load, overview.message)

    # one event, not two: Gradio closes a page's stream after the last event that it has, and the result of an event
    # that arrives at that moment would wait for the next one
    def enter(wheel: str | None, token: str, request: gr.Request) -> Any:
        return {**safe_load(True, wheel, token, request), opened: True}

    tab.select(enter, [flywheel, token], [*outputs, opened], **PRIVATE)
    flywheel.change(safe_load, [opened, flywheel, token], outputs, **PRIVATE)
    draw = showing_errors(overview.draw, overview.message)
    overview.metrics.input(draw, [flywheel, overview.metrics, token], [overview.chart, overview.message], **PRIVATE)
    button.click(showing_errors(compare, comparison), [flywheel, first, second, token], comparison, **PRIVATE)


class Versions:
    """The table and the chart of versions.

    Args:
        page: The page.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.message = gr.HTML("", elem_id="versions-message")
        self._table = gr.HTML("", elem_id="versions")
        self.metrics = gr.Dropdown([], label="Metrics of the chart", multiselect=True, interactive=True)
        axes: Any = {"x": "version", "y": "value", "x_title": "Version", "y_title": "Value"}
        self.chart = gr.LinePlot(**axes, color="metric", tooltip="all", visible=False, elem_id="chart")

    @property
    def parts(self) -> list[Any]:
        """The components that change with the flywheel."""
        return [self.message, self._table, self.metrics, self.chart]

    def values(self, flywheel: str | None, versions: "list[Version]") -> dict[Any, Any]:
        """Return the values of the components.

        Args:
            flywheel: Name of the flywheel.
            versions: Its versions, the newest first.

        Raises:
            VolantError: If the flywheel has no versions.
        """
        if not versions:
            raise VolantError(f"{flywheel} has no versions yet: `volant iterate {flywheel}` makes the first.")
        names = flywheels.metrics(versions)
        return {
            self.message: "",
            self._table: versions_table.versions(versions),
            self.metrics: gr.Dropdown(choices=names, value=names[:CHARTED]),
            self.chart: _chart(versions, names[:CHARTED]),
        }

    def draw(self, flywheel: str | None, names: list[str], token: str, request: gr.Request) -> Any:
        """Draw the chart for other metrics.

        Args:
            flywheel: Name of the flywheel.
            names: Names of the metrics.
            token: Token that was typed.
            request: Request of the browser.
        """
        self._page.deployed(self._page.who(token, request))
        return {self.chart: _chart(flywheels.versions(flywheel), names), self.message: ""}


def _chart(versions: "list[Version]", names: list[str]) -> gr.LinePlot:
    order = [str(version.number) for version in reversed(versions)]
    rows = _rows(versions, names)
    return gr.LinePlot(rows, sort=order, visible=len(rows) > 0)


def _rows(versions: "list[Version]", names: list[str]) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for version in reversed(versions):
        metrics = version.metrics
        rows += [(str(version.number), name, metrics[name]) for name in names if name in metrics]
    return pd.DataFrame(rows, columns=["version", "metric", "value"])
