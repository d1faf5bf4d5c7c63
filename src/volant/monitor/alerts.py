"""Alerts, sent to the alert channel: currently a line in the log."""

import logging

log = logging.getLogger("volant.monitor.alerts")


def send_alert(flywheel: str, message: str) -> None:
    """Send an alert about a flywheel; it never raises.

    Args:
        flywheel: Name of the flywheel.
        message: One sentence, without any text of users.
    """
    log.warning("%s: %s", flywheel, message)
