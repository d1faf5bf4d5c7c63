"""One iteration of the flywheel: take what is new, train and evaluate, gate, register, promote.

DVC's change detection decides what runs; everything that touches the outside (registry, ledger, alerts) is here and
never in a stage, so that an interrupted iteration resumes where it stopped.
"""

from volant.flywheel.iteration import iterate, needs_first, plan
from volant.flywheel.record import Iteration

__all__ = ["Iteration", "iterate", "needs_first", "plan"]
