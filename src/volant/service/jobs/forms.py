"""Requests and responses of the routes of batch jobs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from volant.bundle.batch.reading import Form
from volant.service.api.schemas import NAME, Strict, explain
from volant.service.errors import RefusedError
from volant.service.jobs.job import Job
from volant.service.jobs.job import State as Work
from volant.sources.formats.options import Options
from volant.sources.formats.sniff import encoding_of

Address = Annotated[str | None, Field(max_length=2000)]
Option = Annotated[str | None, Field(max_length=40)]
Names = Annotated[str | None, Field(max_length=2000)]
FILE_OPTIONS = ("encoding", "delimiter", "quote", "escape", "header")


class JobRequest(Strict):
    """A file whose documents are to be predicted."""

    model: Annotated[str | None, NAME, Field(description="Name of a deployment; optional if there is only one.")] = None
    uri: Annotated[Address, Field(description="Object on S3, under an allowed prefix.")] = None
    format: Annotated[Form | None, Field(description="Detected by default.")] = None
    column: Annotated[str, Field(max_length=200, description="Column or key of the text.")] = "text"
    encoding: Annotated[Option, Field(description="Detected by default: byte-order mark, UTF-8, or a Western one.")] = (
        None
    )
    delimiter: Annotated[Option, Field(description="Between the cells of a row (`tab`); detected by default.")] = None
    quote: Annotated[Option, Field(description='Around a cell; " by default; `none`: no quoting.')] = None
    escape: Annotated[Option, Field(description="Before a quote inside a cell; detected by default.")] = None
    header: Annotated[Names, Field(description="Column names, such as text,id, if the file has no header row.")] = None
    all_scores: Annotated[bool, Field(description="Return the scores of all labels.")] = False
    output: Annotated[Address, Field(description="Folder under an allowed prefix, for a copy of the result.")] = None

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"uri": "s3://bucket/inbox/reviews.csv", "model": "reviews"}}
    )


def file_options(request: JobRequest) -> dict[str, str]:
    """Return the options of the file that the request sets.

    A character option with several characters, or an unknown encoding, causes a `VolantError`.
    """
    options = {name: value for name in FILE_OPTIONS if (value := getattr(request, name)) is not None}
    form = Options(**options).form()
    encoding_of(b"", form.encoding)
    return options


class JobState(BaseModel):
    """The state of a job."""

    id: str
    model: str
    state: Work
    percent: Annotated[float, Field(ge=0, le=100)]
    done: Annotated[int, Field(description="Number of predicted documents.")]
    total: int | None
    created: str
    started: str | None
    ended: str | None
    error: str | None
    output: str | None


def fields(job: Job) -> dict[str, Any]:
    """Return the fields of a job that a response contains."""
    return {name: getattr(job, name) for name in JobState.model_fields}


async def parse(request: Request) -> tuple[JobRequest, UploadFile | None]:
    """Return the parsed request, and the uploaded file if there is one.

    Raises:
        RefusedError: 415 or 422 if the request is invalid.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return JobRequest.model_validate_json(await request.body()), None
        if kind == "multipart/form-data":
            form = await request.form(max_files=1, max_fields=10)
            file = form.get("file")
            texts = {name: value for name, value in form.items() if name != "file" and isinstance(value, str)}
            return JobRequest.model_validate(texts, strict=False), file if isinstance(file, UploadFile) else None
    except ValidationError as error:
        raise RefusedError(explain(error.errors(include_input=False, include_url=False))) from error
    except HTTPException as error:  # starlette's, for a form that it can't parse
        raise RefusedError(f"The form can't be read: {error.detail}") from error
    raise RefusedError("Send multipart/form-data with a `file`, or application/json with a `uri`.", 415)


def copier(file: UploadFile) -> Callable[[Path], None]:
    """Return a function that copies an upload to a path."""

    def copy(path: Path) -> None:
        with path.open("wb") as target:
            shutil.copyfileobj(file.file, target)

    return copy


def body() -> dict[str, Any]:
    """Return the OpenAPI description of the body: a form with the file, or JSON that names an object."""
    form = JobRequest.model_json_schema()
    file = {"type": "string", "format": "binary", "description": "CSV, TSV, JSON, or one document per line."}
    form["properties"].pop("uri")
    form["properties"] = {"file": file, **form["properties"]}
    form["required"] = ["file"]
    form["example"] = {"file": "A fine film.\nDull.\n"}
    content = {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": JobRequest.model_json_schema()},
    }
    return {"requestBody": {"required": True, "content": content}}
