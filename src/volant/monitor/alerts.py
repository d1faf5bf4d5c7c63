"""Alerts for people, sent to the alert channel: currently a line in the log."""

import logging

log = logging.getLogger("volant.monitor.alerts")


def tell(flywheel: str, what: str) -> None:
    """Send an alert of a flywheel; it never raises.

    Args:
        flywheel: Name of the flywheel.
        what: One sentence for a person, without any text of users.
    """
    log.warning("%s: %s", flywheel, what)
