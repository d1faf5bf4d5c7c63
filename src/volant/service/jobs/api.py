"""Routes of batch jobs: a client sees its own jobs, and an admin sees all."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse

from volant.bundle.batch.answering import Answer, answerer
from volant.bundle.batch.reading import safe_name
from volant.errors import VolantError
from volant.service.access.clients import client, client_key
from volant.service.access.tokens import token
from volant.service.api.schemas import problems
from volant.service.errors import RefusedError, on_disk
from volant.service.jobs.forms import JobState, body, copier, fields, file_options, parse
from volant.service.jobs.job import Job, new
from volant.service.jobs.jobs import Jobs

if TYPE_CHECKING:
    from volant.service.state import State


def jobs_of(state: "State") -> Jobs:
    """Return the batch jobs of a service, predicted by its deployed models; start and close them with the service."""

    def predictor(job: Job) -> Answer:
        version = state.models.current(job.model)
        return answerer(version.bundle, version.version, job.all_scores)

    return Jobs(predictor, state.settings, state.root)


class ClientJobs:
    """The operations on jobs that clients may use.

    Args:
        state: The service.
        jobs: The jobs of the service.
    """

    def __init__(self, state: "State", jobs: Jobs) -> None:
        self._state = state
        self._jobs = jobs
        self._key = client_key(state.root)

    async def submit(self, request: Request) -> Job:
        """Submit the job in a form or a JSON body.

        Raises:
            RefusedError: 415 or 422 if the request is invalid, 404 or 503 if its model isn't available, 429 if too many
                jobs are waiting, 413 if too much is stored.
        """
        options, file = await parse(request)
        if (options.uri is None) == (file is None):
            raise RefusedError("Send a `file` (multipart/form-data), or the `uri` of one (application/json).")
        model = self._state.models.resolve(options.model)
        self._state.models.current(model)
        try:
            written = file_options(options)
        except VolantError as error:
            raise RefusedError(str(error)) from error
        job = new(model, options.format, options.column, self._client(request), options.all_scores)
        name = safe_name(options.uri or (file.filename if file else None) or "")
        job = replace(job, source=options.uri, output=options.output, name=name, written=written)
        with on_disk("the job"):
            return await run_in_threadpool(self._jobs.submit, job, copier(file) if file else None)

    def all(self, request: Request) -> list[Job]:
        """Return the client's jobs, the newest first; for an admin, those of all clients."""
        owner = None if self._is_admin(request) else self._client(request)
        return [job for job in reversed(self._jobs.store.all()) if owner in (None, job.owner)]

    def get(self, request: Request, identity: str) -> Job:
        """Return a job of the client; for an admin, of any client.

        Args:
            request: The request.
            identity: Id of the job.

        Raises:
            RefusedError: 404 if there is none.
        """
        job = self._jobs.store.get(identity)
        if job.owner != self._client(request) and not self._is_admin(request):
            raise RefusedError("There is no such job.", 404)
        return job

    def result(self, request: Request, identity: str) -> FileResponse:
        """Return the file of a job's predictions.

        Args:
            request: The request.
            identity: Id of the job.

        Raises:
            RefusedError: 404 if there is no such job, 409 if it has no result.
        """
        job = self.get(request, identity)
        if not job.whole:
            raise RefusedError(f"The job has no result: it is {job.state}.", 409)
        name = f"{job.model}-{job.id[:8]}.jsonl"
        path = self._jobs.store.result(job.id)
        return FileResponse(path, media_type="application/x-ndjson", filename=name)

    def _client(self, request: Request) -> str:
        return client(request, self._state.tokens, self._key)

    def _is_admin(self, request: Request) -> bool:
        return self._state.tokens.is_admin(token(request.headers.get("authorization")))


def router(state: "State", jobs: Jobs) -> APIRouter:
    """Return the routes of batch jobs.

    Args:
        state: The service.
        jobs: The jobs of the service; see `jobs_of`.
    """
    routes = APIRouter(prefix="/jobs", tags=["jobs"])
    clients = ClientJobs(state, jobs)
    refusals = problems(401, 404, 413, 415, 422, 429, 503, 507)
    lines: Any = {200: {"content": {"application/x-ndjson": {}}}}

    @routes.post("", status_code=201, response_model=JobState, openapi_extra=body(), responses=refusals)
    async def submit(request: Request) -> Any:
        """Submit a file, or an object on S3; return the job."""
        return fields(await clients.submit(request))

    @routes.get("", response_model=list[JobState], responses=problems(401))
    def list_jobs(request: Request) -> Any:
        """List your jobs, the newest first; with the admin token, those of all clients."""
        return [fields(job) for job in clients.all(request)]

    @routes.get("/{identity}", response_model=JobState, responses=problems(401, 404, 422))
    def get(identity: str, request: Request) -> Any:
        """Return the state of a job."""
        return fields(clients.get(request, identity))

    @routes.get("/{identity}/result", response_class=FileResponse, responses=problems(401, 404, 409, 422) | lines)
    def result(identity: str, request: Request) -> Any:
        """Return the predictions of a job: a JSON line for each document, in order, with its line number.

        Also available for a job that failed because its complete result could not be uploaded.
        """
        return clients.result(request, identity)

    @routes.post("/{identity}/stop", response_model=JobState, responses=problems(401, 404, 422))
    def stop(identity: str, request: Request) -> Any:
        """Stop a job; one that has ended is not changed."""
        with on_disk("the stop"):
            return fields(jobs.stop(clients.get(request, identity).id))

    @routes.delete("/{identity}", status_code=204, responses=problems(401, 404, 409, 422))
    def remove(identity: str, request: Request) -> None:
        """Delete a job that has ended, and its result; this happens automatically after a week."""
        jobs.remove(clients.get(request, identity).id)

    return routes
