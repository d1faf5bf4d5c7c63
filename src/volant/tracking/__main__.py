"""`python -m volant.tracking [PORT]`: MLflow's web UI."""

from volant.tracking.ui import ui
from volant.workspace import servers

servers.main(lambda port: ui(port=port), 5000)
