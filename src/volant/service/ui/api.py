"""The service's own HTTP API, as the pages ask it: for whoever uses them, with the token that they typed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from volant.errors import VolantError
from volant.service.access.clients import HEADER
from volant.service.errors import RefusedError

PATIENCE = 120  # seconds: to deploy a version may take as long


@dataclass(frozen=True)
class Caller:
    """Who uses the pages: the token of the field at the top or of the browser, the worker's word on its address."""

    token: str
    word: str

    @property
    def headers(self) -> dict[bytes, bytes]:
        """What the API is told of them; a token may be anything that can be typed."""
        told = {HEADER.encode(): self.word.encode()} if self.word else {}
        return told | ({b"authorization": f"Bearer {self.token}".encode(errors="replace")} if self.token else {})


class Api:
    """The service.

    Args:
        address: Where it answers.
    """

    def __init__(self, address: str) -> None:
        # the service on this machine: whatever name its certificate bears, it is the one that began this process
        self._client = httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False, verify=False)  # noqa: S501

    def ask(self, who: Caller, method: str, path: str, **more: Any) -> Any:
        """The JSON of an answer; None where there is none.

        Args:
            who: For whom.
            method: Of HTTP.
            path: Of the API.
            more: As httpx takes it, such as `json` or `params`.

        Raises:
            RefusedError: If the service refuses; with its words.
            VolantError: If it doesn't answer.
        """
        try:
            response = self._client.request(method, path, headers=who.headers, **more)
        except httpx.HTTPError as error:
            raise VolantError(f"The service does not answer ({type(error).__name__}). Try again.") from error
        _require(response)
        return response.json() if response.content else None

    def fetch(self, who: Caller, path: str, target: Path) -> None:
        """Write an answer to a file, in constant memory.

        Raises:
            RefusedError: If the service refuses.
            VolantError: If it doesn't answer.
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
        """Refuse whoever has no admin token: the service says who has.

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
