"""The requirements on a new version before it may become the champion: pure functions, nothing is registered here.

paired        two bundles on the same rows, drawn again together
pair          their answers on the labels that both know
parts         labels and slices on which the new one fell
evidence      the error that each comparison may make, lower ends, power
comparison    better, not worse, unclear or worse than the champion
past          the best former champion, recorded scores
requirements  the conditions that compare
decision      every condition with its value, bound and verdict
show          both as tables for people
"""

from volant.gate.comparison import Comparison, compare
from volant.gate.condition import Condition
from volant.gate.decision import Decision, judge
from volant.gate.pair import Answers, paired
from volant.gate.past import Champions, Past
from volant.gate.show import show

__all__ = ["Answers", "Champions", "Comparison", "Condition", "Decision", "Past", "compare", "judge", "paired", "show"]
