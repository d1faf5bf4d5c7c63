"""MLflow's web UI of the project's runs and versions."""

import sys
from pathlib import Path

from volant.tracking.client import make_tables
from volant.tracking.stores import session, without_password
from volant.workspace import servers


def ui(root: Path = Path(), port: int = 5000) -> None:
    """Serve MLflow's web UI of the project on this machine, until Ctrl-C.

    Fails with `VolantError` if the server can't start.
    """
    from volant.workspace.terminal import Console

    with session(root) as stores:
        if stores[0].place is None:
            Console().print(f"The runs are on the server {without_password(stores[0].uri)}", highlight=False)
            return
        address = [
            f"--backend-store-uri={stores[0].uri}",
            "--host=127.0.0.1",
            f"--port={port}",
            "--workers=1",
        ]
        command = [sys.executable, "-m", "mlflow", "server", *address, "--uvicorn-opts=--log-level warning"]
        make_tables(stores[0].uri)
        with servers.server(command, port, {"PYTHONWARNINGS": "ignore"}, patience=90) as process:
            Console().print(f"MLflow's UI: http://127.0.0.1:{port} (Ctrl-C ends it)", highlight=False)
            servers.until_stopped(process)
