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

from volant.flywheel.gate.comparison import Comparison, compare
from volant.flywheel.gate.condition import Condition
from volant.flywheel.gate.decision import Decision, judge
from volant.flywheel.gate.pair import Answers, paired
from volant.flywheel.gate.past import Champions, Past
from volant.flywheel.gate.show import show

__all__ = ["Answers", "Champions", "Comparison", "Condition", "Decision", "Past", "compare", "judge", "paired", "show"]
