"""Routes for admins: deploy, rename, change, roll back and remove while the service runs."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from volant.service.api.predict import describe
from volant.service.api.schemas import ChangeRequest, DeployRequest, ModelState, problems
from volant.service.deployments.deployments import Deployment
from volant.service.deployments.follower import Follower
from volant.service.errors import RefusedError

if TYPE_CHECKING:
    from volant.service.state import State

NO_CONTENT = 204


class DeploymentAdmin:
    """The operations of an admin, for the routes and for the web UI; every call returns once the model is ready.

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
        follower = self._follower  # a packaged service refuses here, before anything is written
        follow = None if version else "champion"
        self._deployments.add(Deployment(name, flywheel, follow, version))
        if error := follower.wait(name):
            self._deployments.remove(name)
            follower.apply()
            raise RefusedError(f"{flywheel} was not deployed as '{name}': {error}")
        return self.get(name)

    def change(self, name: str, to: str | None = None, version: int | None = None, follow: bool = False) -> Any:
        """Rename, pin another version, or follow the champion again, without interrupting predictions.

        Args:
            name: Name of the deployment.
            to: Its new name; None keeps it.
            version: Number of the version to pin; None keeps the present one.
            follow: Follow the champion again.

        Raises:
            RefusedError: 404 if the name is not deployed, 409 if the new one is taken, 422 if the version is not
                available, or both a version and `follow` are given; nothing is changed then.
        """
        if follow and version:
            raise RefusedError("`follow` and `version` exclude each other. Send only one.")
        follower = self._follower
        old = self._deployments.get(name)
        changes: dict[str, Any] = {"version": version, "follow": None} if version else {}
        changes |= {"version": None, "follow": "champion"} if follow else {}
        new = self._deployments.change(name, to, **changes)
        if (error := follower.wait(new.name)) and changes:
            self._deployments.change(new.name, old.name, version=old.version, follow=old.follow)
            follower.apply()
            raise RefusedError(f"'{name}' was not changed: {error}")
        return self.get(new.name)

    def rollback(self, name: str) -> dict[str, Any]:
        """Pin the previous version; it is still in memory, so the registry is not needed.

        Raises:
            RefusedError: 404 if the name is not deployed, 409 if there is no previous version.
        """
        _ = self._follower  # a packaged service refuses here
        self._deployments.get(name)
        slot = self._state.models.slots.get(name)
        if slot is None or slot.previous is None:
            raise RefusedError(f"'{name}' has had no other version since the service started.", 409)
        return self.change(name, version=int(slot.previous.version))

    def remove(self, name: str) -> None:
        """Remove a deployment; an unknown name is refused with 404."""
        follower = self._follower
        self._deployments.remove(name)
        follower.apply()

    def get(self, name: str) -> dict[str, Any]:
        """Return a deployment as GET /models shows it."""
        self._deployments.get(name)
        return next(model for model in describe(self._state) if model["name"] == name)

    @property
    def _deployments(self) -> Any:
        return self._state.deployments

    @property
    def _follower(self) -> Follower:
        if self._state.follower is None:
            raise RefusedError("The deployments of a packaged service can't be changed. Build another package.", 409)
        return self._state.follower


def router(state: "State") -> APIRouter:
    """Return the routes for admins."""
    routes = APIRouter(prefix="/deployments", tags=["deployments"], dependencies=[state.admin()])
    admin = DeploymentAdmin(state)

    @routes.post("", status_code=201, response_model=ModelState, responses=problems(401, 409, 413, 422, 507))
    def deploy(body: DeployRequest) -> Any:
        """Deploy a version of a flywheel under a new name."""
        return admin.deploy(body.name, body.flywheel, body.version)

    @routes.patch("/{name}", response_model=ModelState, responses=problems(401, 404, 409, 413, 422, 507))
    def change(name: str, body: ChangeRequest) -> Any:
        """Rename, pin another version, or follow the champion again."""
        return admin.change(name, body.name, body.version, body.follow is not None)

    @routes.post("/{name}/rollback", response_model=ModelState, responses=problems(401, 404, 409, 422, 507))
    def rollback(name: str) -> Any:
        """Roll back to the previous version at once."""
        return admin.rollback(name)

    @routes.delete("/{name}", status_code=NO_CONTENT, responses=problems(401, 404, 409, 422, 507))
    def remove(name: str) -> None:
        """Remove a deployment."""
        admin.remove(name)

    return routes
