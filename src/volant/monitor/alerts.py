"""What people should hear of, told to the alert channel: a line in the log, to begin with."""

import logging

log = logging.getLogger("volant.monitor.alerts")


def tell(flywheel: str, what: str) -> None:
    """Tell the channel of a flywheel; it never stops what it tells of.

    Args:
        flywheel: Its name.
        what: One sentence for a person, without any text of users.
    """
    log.warning("%s: %s", flywheel, what)
