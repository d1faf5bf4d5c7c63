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
    """A user of the web UI.

    Attributes:
        token: Token, typed or from the browser.
        address: Address of the browser, signed by the worker.
    """

    token: str
    address: str

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers of a request to the API; a token may contain any characters that can be typed."""
        headers = {HEADER.encode(): self.address.encode()} if self.address else {}
        if self.token:
            headers[b"authorization"] = f"Bearer {self.token}".encode(errors="replace")
        return headers


class Api:
    """A client of the service.

    Args:
        address: Address of the service.
    """

    def __init__(self, address: str) -> None:
        # the certificate isn't verified: this is the service on this machine that started this process
        self._client = httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False, verify=False)  # noqa: S501

    def ask(self, who: Caller, method: str, path: str, **more: Any) -> Any:
        """Send a request; return the JSON of the response, or None if it has no body.

        A refused request raises a `RefusedError`, with the service's message.

        Args:
            who: User of the web UI.
            method: HTTP method.
            path: Path of the route.
            more: Further arguments of httpx, such as `json` or `params`.

        Raises:
            VolantError: If the service doesn't respond.
        """
        try:
            response = self._client.request(method, path, headers=who.headers, **more)
        except httpx.HTTPError as error:
            raise VolantError(f"The service does not respond ({type(error).__name__}). Try again.") from error
        _require(response)
        return response.json() if response.content else None

    def fetch(self, who: Caller, path: str, target: Path) -> None:
        """Write a response to a file, in constant memory; a refused request raises a `RefusedError`.

        Args:
            who: User of the web UI.
            path: Path of the route.
            target: File to write.

        Raises:
            VolantError: If the service doesn't respond.
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
            raise VolantError(f"The service does not respond ({type(error).__name__}). Try again.") from error

    def require_admin(self, who: Caller) -> None:
        """Refuse a user without the admin token with 401; the service checks it."""
        self.ask(who, "GET", "/feedback", params={"flywheel": "any", "limit": 1})


def _require(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.status_code == 401:
        problem = "is wrong" if "authorization" in response.request.headers else "is missing"
        raise RefusedError(f"The token for this {problem}. Type it into the field at the top, and press Enter.", 401)
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = f"The service responded with status {response.status_code}."
    raise RefusedError(error, response.status_code)
