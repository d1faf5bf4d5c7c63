"""The tab Versions: a table of a flywheel's versions, a chart of their metrics, and the differences between two."""

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

TEXTS = 20  # maximum number of differently predicted texts
CHARTED = 2  # number of metrics in the chart at first


def add(page: Page, tab: gr.Tab) -> None:
    """Add the tab's components and their handlers."""
    flywheel = page.flywheel()
    tabled = Versions(page)
    gr.HTML("<h2>Compare two versions</h2>")
    with gr.Row():
        first = gr.Dropdown([], label="First version", interactive=True)
        second = gr.Dropdown([], label="Second version", interactive=True)
    button = gr.Button("Compare")
    compared = gr.HTML("", elem_id="compared")
    token = page.token
    everything = [*tabled.parts, first, second, compared]

    def look(was: bool, wheel: str | None, token: str, request: gr.Request) -> Any:
        if not was:
            return {}
        page.deployed(page.who(token, request))  # allowed for every user of the service
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

        # without the admin token no texts are shown: the folder has no test rows
        root = flywheels.ROOT if page.is_admin(who) else flywheels.ROOT / SERVICE
        with flywheels.opened() as found:
            return {compared: versions_table.difference(difference(found, wheel, (int(one), int(other)), TEXTS, root))}

    opened = gr.State(False)
    looking = explained(look, tabled.said)

    # one event, not two: Gradio closes a page's stream after the last event that it has, and the answer to an event
    # that arrives at that moment would wait for the next one
    def enter(wheel: str | None, token: str, request: gr.Request) -> Any:
        return {**looking(True, wheel, token, request), opened: True}

    tab.select(enter, [flywheel, token], [*everything, opened], **PRIVATE)
    flywheel.change(looking, [opened, flywheel, token], everything, **PRIVATE)
    drawing = explained(tabled.draw, tabled.said)
    tabled.metrics.input(drawing, [flywheel, tabled.metrics, token], [tabled.chart, tabled.said], **PRIVATE)
    button.click(explained(compare, compared), [flywheel, first, second, token], compared, **PRIVATE)


class Versions:
    """The table and the chart of versions.

    Args:
        page: The page.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.said = gr.HTML("", elem_id="versions-said")
        self._every = gr.HTML("", elem_id="versions")
        self.metrics = gr.Dropdown([], label="Metrics of the chart", multiselect=True, interactive=True)
        axes: Any = {"x": "version", "y": "value", "x_title": "Version", "y_title": "Value"}
        self.chart = gr.LinePlot(**axes, color="metric", tooltip="all", visible=False, elem_id="chart")

    @property
    def parts(self) -> list[Any]:
        """The components that change with the flywheel."""
        return [self.said, self._every, self.metrics, self.chart]

    def shown(self, flywheel: str | None, found: "list[Version]") -> dict[Any, Any]:
        """Return the values of the components.

        Args:
            flywheel: Name of the flywheel.
            found: Its versions, the newest first.

        Raises:
            VolantError: If the flywheel has no versions.
        """
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
        """Draw the chart for other metrics.

        Args:
            flywheel: Name of the flywheel.
            names: Names of the metrics.
            token: Token that was typed.
            request: Request of the browser.
        """
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
