"""What a new version must meet before it may become the active one: pure functions, nothing is registered here.

paired        two bundles on the same rows, drawn again together
parts         labels and slices on which the new one fell
comparison    better, not worse or worse than the active version
decision      every condition with its value, bound and verdict
show          both as tables for people
"""

from volant.gate.comparison import Answers, Comparison, compare
from volant.gate.decision import Best, Condition, Decision, judge
from volant.gate.show import show

__all__ = ["Answers", "Best", "Comparison", "Condition", "Decision", "compare", "judge", "show"]
