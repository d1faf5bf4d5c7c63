"""Routes of the admin: deploy, rename, change, roll back and remove while the service runs."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from volant.service.api.predict import describe
from volant.service.api.schemas import ChangeRequest, DeployRequest, ModelState, problems
from volant.service.deployments.deployments import Deployment
from volant.service.deployments.follower import Follower
from volant.service.errors import RefusedError

if TYPE_CHECKING:
    from volant.service.state import State

GONE = 204


class DeploymentAdmin:
    """The operations of an admin, for the routes and for the web UI; every call returns once the model answers.

    Args:
        state: The service.
    """

    def __init__(self, state: "State") -> None:
        self._state = state

    def deploy(self, name: str, flywheel: str, version: int | None = None) -> dict[str, Any]:
        """Deploy a version under a new name: a pinned one, or the champion.

        Args:
            name: Name of the deployment.
            flywheel: Name of the flywheel.
            version: Number of the pinned version; None follows the champion.

        Raises:
            RefusedError: 409 if the name is taken, 422 if the version is not available; nothing is deployed then.
        """
        following = self._following  # a packaged service refuses here, before anything is written
        follow = None if version else "champion"
        self._deployments.add(Deployment(name, flywheel, follow, version))
        if error := following.wait(name):
            self._deployments.remove(name)
            following.apply()
            raise RefusedError(f"{flywheel} was not deployed as '{name}': {error}")
        return self.get(name)

    def change(self, name: str, to: str | None = None, version: int | None = None, follow: bool = False) -> Any:
        """Rename, pin another version, or follow the champion again, without an interruption of the answers.

        Args:
            name: Name of the deployment.
            to: Its new name; None keeps it.
            version: Number of the version to pin; None keeps the present one.
            follow: Follow the champion again.

        Raises:
            RefusedError: 404 if the name is not deployed, 409 if the new one is taken, 422 if the version is not
                available; nothing is changed then.
        """
        following = self._following
        old = self._deployments.get(name)
        changes: dict[str, Any] = {"version": version, "follow": None} if version else {}
        changes |= {"version": None, "follow": "champion"} if follow else {}
        new = self._deployments.change(name, to, **changes)
        if (error := following.wait(new.name)) and changes:
            self._deployments.change(new.name, old.name, version=old.version, follow=old.follow)
            following.apply()
            raise RefusedError(f"'{name}' was not changed: {error}")
        return self.get(new.name)

    def rollback(self, name: str) -> dict[str, Any]:
        """Pin the version that answered before; it is still in memory, so the registry is not needed.

        Raises:
            RefusedError: 404 if the name is not deployed, 409 if no other version answered before.
        """
        _ = self._following, self._deployments.get(name)
        slot = self._state.models.slots.get(name)
        if slot is None or slot.previous is None:
            raise RefusedError(f"No version answered as '{name}' before this one, since the service started.", 409)
        return self.change(name, version=int(slot.previous.version))

    def remove(self, name: str) -> None:
        """Remove a deployment.

        Raises:
            RefusedError: 404 if the name is not deployed.
        """
        following = self._following
        self._deployments.remove(name)
        following.apply()

    def get(self, name: str) -> dict[str, Any]:
        """Return a deployment as GET /models shows it."""
        self._deployments.get(name)
        return next(model for model in describe(self._state) if model["name"] == name)

    @property
    def _deployments(self) -> Any:
        return self._state.deployments

    @property
    def _following(self) -> Follower:
        if self._state.following is None:
            raise RefusedError("A packaged service has the models that it was packaged with; package another one.", 409)
        return self._state.following


def router(state: "State") -> APIRouter:
    """Return the routes of the admin."""
    routes = APIRouter(prefix="/deployments", tags=["deployments"], dependencies=[state.admin()])
    admin = DeploymentAdmin(state)

    @routes.post("", status_code=201, response_model=ModelState, responses=problems(401, 409, 413, 422, 507))
    def deploy(asked: DeployRequest) -> Any:
        """Deploy a version of a flywheel under a new name."""
        return admin.deploy(asked.name, asked.flywheel, asked.version)

    @routes.patch("/{name}", response_model=ModelState, responses=problems(401, 404, 409, 413, 422, 507))
    def change(name: str, asked: ChangeRequest) -> Any:
        """Rename, pin another version, or follow the champion again."""
        if asked.follow and asked.version:
            raise RefusedError("`follow` and `version` exclude each other: give one.")
        return admin.change(name, asked.name, asked.version, asked.follow is not None)

    @routes.post("/{name}/rollback", response_model=ModelState, responses=problems(401, 404, 409, 422, 507))
    def rollback(name: str) -> Any:
        """Roll back at once to the version that answered before."""
        return admin.rollback(name)

    @routes.delete("/{name}", status_code=GONE, responses=problems(401, 404, 409, 422, 507))
    def remove(name: str) -> None:
        """Remove a deployment."""
        admin.remove(name)

    return routes
