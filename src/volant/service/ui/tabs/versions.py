"""Versions: the table of a flywheel's versions, their metrics as a chart, and what differs between two."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import flywheels
from volant.service.ui.page import PRIVATE, Page, explained
from volant.service.ui.tabs import versions_table
from volant.workspace.paths import SERVICE

if TYPE_CHECKING:
    import pandas as pd

    from volant.tracking.registry import Version

TEXTS = 20  # of those that two versions answer differently
CHARTED = 2  # metrics, until others are chosen


def add(page: Page, tab: gr.Tab) -> None:
    """Add the tab's components and what they do."""
    flywheel = page.flywheel()
    tabled = Versions(page)
    gr.HTML("<h2>Compare two versions</h2>")
    with gr.Row():
        first = gr.Dropdown([], label="First version", interactive=True)
        second = gr.Dropdown([], label="Second version", interactive=True)
    button, compared = gr.Button("Compare"), gr.HTML("", elem_id="compared")
    token, everything = page.token, [*tabled.parts, first, second, compared]

    def look(was: bool, wheel: str | None, token: str, request: gr.Request) -> Any:
        if not was:
            return {}
        page.deployed(page.who(token, request))  # whoever may ask the service may look
        found = flywheels.versions(wheel)
        numbers = [str(version.number) for version in found]
        return {
            **tabled.shown(wheel, found),
            first: gr.Dropdown(choices=numbers, value=next(iter(numbers[1:2] or numbers), None)),
            second: gr.Dropdown(choices=numbers, value=next(iter(numbers), None)),
            compared: "",
        }

    def compare(wheel: str, one: str | None, other: str | None, token: str, request: gr.Request) -> Any:
        who = page.who(token, request)
        page.deployed(who)
        if not (one and other):
            raise VolantError("Choose two versions.")
        from volant.tracking.difference import difference

        # without the token of an admin no texts: there are no test rows where they are looked for
        root = flywheels.ROOT if page.is_admin(who) else flywheels.ROOT / SERVICE
        with flywheels.opened() as found:
            return {compared: versions_table.difference(difference(found, wheel, (int(one), int(other)), TEXTS, root))}

    opened = gr.State(False)
    looking = explained(look, tabled.said)

    # one event, not two: Gradio ends a page's stream with the last event that it knows of, and the answer to one that
    # comes at that moment would wait until the next
    def enter(wheel: str | None, token: str, request: gr.Request) -> Any:
        return {**looking(True, wheel, token, request), opened: True}

    tab.select(enter, [flywheel, token], [*everything, opened], **PRIVATE)
    flywheel.change(looking, [opened, flywheel, token], everything, **PRIVATE)
    drawing = explained(tabled.draw, tabled.said)
    tabled.metrics.input(drawing, [flywheel, tabled.metrics, token], [tabled.chart, tabled.said], **PRIVATE)
    button.click(explained(compare, compared), [flywheel, first, second, token], compared, **PRIVATE)


class Versions:
    """The table and the chart.

    Args:
        page: The page.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.said, self._every = gr.HTML("", elem_id="versions-said"), gr.HTML("", elem_id="versions")
        self.metrics = gr.Dropdown([], label="Metrics of the chart", multiselect=True, interactive=True)
        axes: Any = {"x": "version", "y": "value", "x_title": "Version", "y_title": "Value"}
        self.chart = gr.LinePlot(**axes, color="metric", tooltip="all", visible=False, elem_id="chart")

    @property
    def parts(self) -> list[Any]:
        """Everything that changes with the flywheel."""
        return [self.said, self._every, self.metrics, self.chart]

    def shown(self, flywheel: str | None, found: "list[Version]") -> dict[Any, Any]:
        """The values of the parts."""
        if not found:
            raise VolantError(f"{flywheel} has no versions yet: `volant iterate {flywheel}` makes the first.")
        names = flywheels.metrics(found)
        return {
            self.said: "",
            self._every: versions_table.versions(found),
            self.metrics: gr.Dropdown(choices=names, value=names[:CHARTED]),
            self.chart: _chart(found, names[:CHARTED]),
        }

    def draw(self, flywheel: str | None, names: list[str], token: str, request: gr.Request) -> Any:
        """Draw other metrics."""
        self._page.deployed(self._page.who(token, request))
        return {self.chart: _chart(flywheels.versions(flywheel), names), self.said: ""}


def _chart(found: "list[Version]", names: list[str]) -> gr.LinePlot:
    order = [str(version.number) for version in reversed(found)]
    rows = _rows(found, names)
    return gr.LinePlot(rows, sort=order, visible=len(rows) > 0)


def _rows(found: "list[Version]", names: list[str]) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        (str(version.number), name, version.metrics[name])
        for version in reversed(found)
        for name in names
        if name in version.metrics
    ]
    return pd.DataFrame(rows, columns=["version", "metric", "value"])
