"""The requirements on a new version before it may become the champion: pure functions, nothing is registered here.

paired        two bundles on the same rows, drawn again together
parts         labels and slices on which the new one fell
evidence      the error that each comparison may make, lower ends, power
comparison    better, not worse, unclear or worse than the champion
decision      every condition with its value, bound and verdict
show          both as tables for people
"""

from volant.gate.comparison import Answers, Comparison, compare, paired
from volant.gate.decision import Champions, Condition, Decision, Past, judge
from volant.gate.show import show

__all__ = ["Answers", "Champions", "Comparison", "Condition", "Decision", "Past", "compare", "judge", "paired", "show"]
