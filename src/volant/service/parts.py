"""Parts of the service besides prediction: capture, feedback, batch jobs."""

import logging
import threading
from typing import TYPE_CHECKING

from fastapi import APIRouter

from volant.service.capture.capture import Capture
from volant.service.feedback import api as feedback_api
from volant.service.feedback.intake import Feedback
from volant.service.jobs import api as jobs_api

if TYPE_CHECKING:
    from volant.service.state import State

log = logging.getLogger("volant.service")


class ServiceParts:
    """Capture, feedback and jobs of one process. Capture becomes a sink of the service, which closes it.

    Args:
        state: The service.

    Attributes:
        capture: Capture of predictions.
        feedback: Intake of feedback.
        jobs: Batch jobs, which run between `start` and `close`.

    Example:
        parts = ServiceParts(state)
        for router in parts.routers():
            app.include_router(router)
        parts.start()
        ...
        parts.close()  # before state.close()
    """

    def __init__(self, state: "State") -> None:
        self._state = state
        self.capture = Capture(state.settings.capture, state.root)
        state.publisher.sinks.append(self.capture)
        self.feedback = Feedback(state.settings.feedback, state.settings.capture.redact, state.root)
        self.jobs = jobs_api.jobs_of(state)

    def routers(self) -> list[APIRouter]:
        """Return the routes `/feedback` and `/jobs`."""
        return [
            feedback_api.router(self._state, self.feedback, self.capture),
            jobs_api.router(self._state, self.jobs),
        ]

    def start(self) -> None:
        """Start to work on jobs, unfinished ones first, and load the texts that feedback is screened against."""
        self.jobs.start()
        threading.Thread(target=self._warm, name="warming", daemon=True).start()

    def close(self) -> None:
        """Stop working on jobs; the next start resumes them."""
        self.jobs.close()

    def _warm(self) -> None:
        """Load the texts in advance, so that the first feedback isn't slow."""
        for flywheel in {slot.current.flywheel for slot in self._state.models.slots.values() if slot.current}:
            try:
                self.feedback.texts.of(flywheel)
            except Exception as error:  # reported again with the first feedback
                log.warning("The texts of %s can't be read: %s", flywheel, type(error).__name__)
