"""`python -m volant.tracking [PORT]`: MLflow's pages."""

from volant import child
from volant.tracking.pages import ui

child.main(lambda port: ui(port=port), 5000)
