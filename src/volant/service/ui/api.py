"""The service's own HTTP API, called on behalf of a user of the web UI, with the user's token."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from volant.errors import VolantError
from volant.service.access.clients import HEADER
from volant.service.errors import RefusedError

PATIENCE = 120  # seconds; a deployment may take that long


@dataclass(frozen=True)
class Caller:
    """A user of the web UI: the token, typed or from the browser, and the worker's signed statement of the address."""

    token: str
    word: str

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers of a request to the API; a token may contain any characters that can be typed."""
        told = {HEADER.encode(): self.word.encode()} if self.word else {}
        return told | ({b"authorization": f"Bearer {self.token}".encode(errors="replace")} if self.token else {})


class Api:
    """A client of the service.

    Args:
        address: Address of the service.
    """

    def __init__(self, address: str) -> None:
        # the certificate isn't verified: this is the service on this machine that started this process
        self._client = httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False, verify=False)  # noqa: S501

    def ask(self, who: Caller, method: str, path: str, **more: Any) -> Any:
        """Send a request; return the JSON of the answer, or None if it has no body.

        Args:
            who: User of the web UI.
            method: HTTP method.
            path: Path of the route.
            more: Further arguments of httpx, such as `json` or `params`.

        Raises:
            RefusedError: If the service refuses the request; with its message.
            VolantError: If the service doesn't answer.
        """
        try:
            response = self._client.request(method, path, headers=who.headers, **more)
        except httpx.HTTPError as error:
            raise VolantError(f"The service does not answer ({type(error).__name__}). Try again.") from error
        _require(response)
        return response.json() if response.content else None

    def fetch(self, who: Caller, path: str, target: Path) -> None:
        """Write an answer to a file, in constant memory.

        Args:
            who: User of the web UI.
            path: Path of the route.
            target: File to write.

        Raises:
            RefusedError: If the service refuses the request.
            VolantError: If the service doesn't answer.
        """
        try:
            with self._client.stream("GET", path, headers=who.headers) as response:
                if response.is_error:
                    response.read()
                _require(response)
                with target.open("wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
        except httpx.HTTPError as error:
            raise VolantError(f"The service does not answer ({type(error).__name__}). Try again.") from error

    def require_admin(self, who: Caller) -> None:
        """Refuse a user without the admin token; the service checks it.

        Raises:
            RefusedError: 401.
        """
        self.ask(who, "GET", "/feedback", params={"flywheel": "any", "limit": 1})


def _require(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.status_code == 401:
        given = "is wrong" if "authorization" in response.request.headers else "is missing"
        raise RefusedError(f"The token for this {given}. Type it into the field at the top, and press Enter.", 401)
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = f"The service answered with status {response.status_code}."
    raise RefusedError(error, response.status_code)
