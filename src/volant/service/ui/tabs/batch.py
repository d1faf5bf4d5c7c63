"""The tab Batch: predict a file in the background, watch the job, stop it, fetch the result."""

from pathlib import Path
from typing import Any

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import files
from volant.service.ui.api import Caller
from volant.service.ui.markup import note, table
from volant.service.ui.page import PRIVATE, Page, showing_errors

FORMS = [".csv", ".tsv", ".jsonl", ".txt"]
RUNNING = ("SUBMITTED", "IN_PROGRESS")
POLL = 1.0  # seconds between two updates while jobs run


def add(page: Page, tab: gr.Tab) -> None:
    """Add the tab's components and their handlers."""
    with gr.Row():
        with gr.Column():
            model = page.model()
            file = gr.File(label="File: CSV, TSV, JSON Lines, or one document per line", file_types=FORMS)
            column = gr.Textbox("text", label="Column", info="Column or key of the text.", max_lines=1)
            start = gr.Button("Start", variant="primary")
        with gr.Column():
            jobs = Jobs(page)
    place = jobs.message
    token = page.token
    start.click(
        showing_errors(jobs.submit, place), [model, file, column, token], [*jobs.parts, file], **PRIVATE
    ).success(lambda: None, None, file, **PRIVATE)
    jobs.cancel.click(showing_errors(jobs.stop, place), [jobs.job, token], jobs.parts, **PRIVATE)
    jobs.fetch.click(showing_errors(jobs.get, place), [jobs.job, token], [jobs.result, place], **PRIVATE)
    events = [jobs.timer.tick, tab.select, jobs.refresh.click]
    watch = showing_errors(jobs.watch, place)
    gr.on(events, watch, [jobs.job, token], jobs.parts, show_progress="hidden", **PRIVATE)


class Jobs:
    """The jobs of the user, and the actions on them.

    Args:
        page: The page.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.message = gr.HTML("", elem_id="batch-message")
        self.table = gr.HTML("", elem_id="jobs")
        self.job = gr.Dropdown([], label="Job", interactive=True)
        with gr.Row():
            self.cancel = gr.Button("Cancel", min_width=80)
            self.fetch = gr.Button("Get the result", min_width=80)
            self.refresh = gr.Button("Refresh", min_width=80)
        self.result = gr.File(label="Result", visible=False, interactive=False, elem_id="result")
        self.timer = gr.Timer(POLL, active=False)

    @property
    def parts(self) -> list[Any]:
        """The components that show the progress of jobs."""
        return [self.message, self.table, self.job, self.timer]

    def submit(self, name: str | None, path: str | None, by: str, token: str, request: gr.Request) -> Any:
        """Submit a file to the service.

        Args:
            name: Name of the deployment.
            path: Uploaded file.
            by: Column or key that holds the text.
            token: Token that was typed.
            request: Request of the browser.

        Raises:
            VolantError: If no file or no model is chosen, or the service refuses the job.
        """
        if not path or not name:
            raise VolantError("Choose a file." if name else "Choose a model.")
        who = self._page.who(token, request)
        upload = Path(path)
        with upload.open("rb") as stream:
            fields = {"model": name, "column": by or "text"}
            job = self._page.api.ask(who, "POST", "/jobs", data=fields, files={"file": (upload.name, stream)})
        upload.unlink(missing_ok=True)  # passed to the service already
        return {self.message: note(f"{upload.name} is being processed."), **self._listing(who, job["id"])}

    def stop(self, it: str | None, token: str, request: gr.Request) -> Any:
        """Stop a job.

        Args:
            it: Id of the job.
            token: Token that was typed.
            request: Request of the browser.
        """
        who = self._page.who(token, request)
        job = self._page.api.ask(who, "POST", f"/jobs/{_chosen(it)}/stop")
        return {self.message: note(f"The job is {_state(job)}."), **self._listing(who, it)}

    def get(self, it: str | None, token: str, request: gr.Request) -> Any:
        """Fetch a result, so that it can be saved.

        Args:
            it: Id of the job.
            token: Token that was typed.
            request: Request of the browser.
        """
        files.sweep()
        target = files.place(_chosen(it)) / "result.jsonl"
        self._page.api.fetch(self._page.who(token, request), f"/jobs/{it}/result", target)
        ready = note("The result is ready: click on its name to save it.")
        return {self.result: gr.File(str(target), visible=True), self.message: ready}

    def watch(self, it: str | None, token: str, request: gr.Request) -> Any:
        """Update the list of jobs.

        Args:
            it: Id of the chosen job.
            token: Token that was typed.
            request: Request of the browser.
        """
        return self._listing(self._page.who(token, request), it)

    def _listing(self, who: Caller, now: str | None) -> dict[Any, Any]:
        jobs = self._page.api.ask(who, "GET", "/jobs")
        names = [(f"{job['created'][11:19]} {job['model']}, {_state(job)}", job["id"]) for job in jobs]
        ids = [job["id"] for job in jobs]
        busy = any(job["state"] in RUNNING for job in jobs)
        return {
            self.table: _table(jobs),
            self.job: gr.Dropdown(choices=names, value=now if now in ids else next(iter(ids), None)),
            self.timer: gr.Timer(POLL, active=busy),
        }


def _chosen(it: str | None) -> str:
    """Return the id of a job after checking its format: 32 hexadecimal digits, and never a path.

    Raises:
        VolantError: If it is not an id.
    """
    if it is None or len(it) != 32 or not it.isalnum() or not it.isascii():
        raise VolantError("Choose a job.")
    return it


def _state(job: dict[str, Any]) -> str:
    return job["state"].lower().replace("_", " ")


def _table(jobs: list[dict[str, Any]]) -> str:
    rows = [
        [
            job["created"][:19].replace("T", " "),
            job["model"],
            _state(job),
            f"{job['percent']:.0f} %",
            f"{job['done']:,}" + (f" of {job['total']:,}" if job["total"] is not None else ""),
            job["error"],
        ]
        for job in jobs[:20]
    ]
    heads = ["Sent (UTC)", "Model", "State", "Done", "Documents", "Error"]
    return table("Your jobs", heads, rows, "No jobs yet.")
