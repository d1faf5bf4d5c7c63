"""The process of the web UI.

    python -m volant.service.ui ADDRESS [packaged]

The service starts it, with its own address, in the project's root; it ends with the worker that started it. It listens
on a socket in `.volant/service` that only the service's user can open.
"""

import os
import shutil
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

from volant.service.deployments.watcher import end_with_parent
from volant.service.ui.process import IDLE, SOCKET
from volant.workspace.paths import SERVICE

FILES = SERVICE / "ui"  # uploaded files, until they are passed to the API
NICENESS = 5  # predictions have priority


def listening(path: Path) -> socket.socket:
    """Return a socket that only its owner can connect to; a leftover of a killed process is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


def main(address: str, packaged: bool) -> None:
    """Serve the web UI until the service has ended.

    Args:
        address: Address of the service.
        packaged: True for a packaged service, which has no registry.
    """
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.nice(NICENESS)
    shutil.rmtree(FILES, ignore_errors=True)
    FILES.mkdir(parents=True, mode=0o700)
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(FILES.resolve()), "HF_HUB_OFFLINE": "1"}
    import uvicorn

    from volant.service.ui.site import site

    app = site(address, packaged)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=IDLE,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening(SOCKET)])


if __name__ == "__main__":
    main(sys.argv[1], "packaged" in sys.argv[2:])
