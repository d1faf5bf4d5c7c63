"""Examples of the API page: they use the present deployments, so that each works unchanged."""

from copy import deepcopy
from itertools import count
from typing import TYPE_CHECKING, Any

from volant.kinds import KINDS, answers, kind_of_labels
from volant.service.access.guard import OPEN
from volant.service.api.predict import describe
from volant.service.api.sagemaker import TARGET

if TYPE_CHECKING:
    from volant.service.state import State

Tree = dict[str, Any]
TEXT = "A fine film, moving and superb."
IDENTITY = "0f8fad5bd9cb469fa16570867728950e"  # id of a job or of feedback: real ones come from earlier answers
JSON = "application/json"
FORM = "multipart/form-data"
INFER = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}]}
NOTHING = {
    "name": "reviews",
    "flywheel": "reviews",
    "version": "1",
    "labels": ["fresh"],
    "kind": kind_of_labels(exclusive=True),
}
TOKEN = {"type": "http", "scheme": "bearer", "description": "One of VOLANT_API_TOKENS, or the admin token."}
PROBLEM = {
    "description": "A token is missing or wrong.",
    "content": {JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def fill(page: Tree, state: "State") -> Tree:
    """Return an OpenAPI document with an example of each body and parameter, and with the required token.

    Args:
        page: Document as FastAPI generates it; it is not changed.
        state: The service.
    """
    tree = deepcopy(page)
    for schema in tree["components"]["schemas"].values():  # the schemas' own examples don't know the deployments
        schema.pop("example", None)
    if not state.tokens.open:
        tree["components"].setdefault("securitySchemes", {})["token"] = TOKEN
    model = next((model for model in describe(state) if model["ready"]), NOTHING)
    bodies = _bodies(model, state)
    parameters = _parameters(model)
    for path, operations in tree["paths"].items():
        for method, operation in operations.items():
            _fill(operation, bodies.get(f"{method.upper()} {path}", {}), parameters)
            if not state.tokens.open and path not in OPEN:
                operation.setdefault("security", [{"token": []}])
                operation["responses"].setdefault("401", PROBLEM)
    return tree


def _fill(operation: Tree, examples: Tree, parameters: Tree) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["name"] in parameters:
            parameter["example"] = parameters[parameter["name"]]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        content.get("schema", {}).pop("example", None)
        if kind in examples:
            content["example"] = examples[kind]


def _parameters(model: Tree) -> Tree:
    name = model["name"]
    version = model["version"]
    return {"name": name, "number": version, "identity": IDENTITY, "flywheel": model["flywheel"], TARGET: name}


def _bodies(model: Tree, state: "State") -> dict[str, Tree]:
    """Return the examples by operation and type."""
    name = model["name"]
    flywheel = model["flywheel"]
    kind = KINDS[model["kind"]]
    correct = answers.row(kind, kind.annotate(model["labels"][:1]))
    examples = {
        "POST /predict": {"texts": [TEXT], "model": name},
        "POST /deployments": {"name": _free(flywheel, state), "flywheel": flywheel},
        "PATCH /deployments/{name}": {"follow": "champion"},
        "POST /feedback": {"text": TEXT, "model": name, **correct},
        "POST /feedback/review": {"flywheel": flywheel, "ids": [IDENTITY], "decision": "accept"},
        "POST /v2/models/{name}/infer": INFER,
        "POST /v2/models/{name}/versions/{number}/infer": INFER,
        "POST /v2/repository/index": {"ready": True},
    }
    bodies = {operation: {JSON: body} for operation, body in examples.items()}
    bodies["POST /jobs"] = {FORM: {"file": "A fine film.\nDull.\n", "model": name}}
    for prefix in state.settings.jobs.prefixes[:1]:  # without a prefix no address is allowed, so there is no example
        bodies["POST /jobs"][JSON] = {"uri": f"{prefix.rstrip('/')}/{flywheel}.csv", "model": name}
    return bodies


def _free(flywheel: str, state: "State") -> str:
    taken = {model["name"] for model in describe(state)}
    return next(name for number in count(2) if (name := f"{flywheel}-{number}") not in taken)
