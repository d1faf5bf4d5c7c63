"""Advice on the next iteration: more data, which data, and which labels look wrong.

rows          train rows in an order whose beginnings are fair samples, and refits
folds         folds that split no group
curve         the metric on 25, 50 and 100 % of the train rows
mislabelled   likely label errors, by confident learning
parts         the same for kinds of parts, by the flywheel's own model
contradictions  train rows whose parts that model contradicts
weak          labels and slices that do worst
cells         gold as cells of a file to edit
advice        all of it for a flywheel: reports/<flywheel>/next.md
suggest       the rows of an unlabelled pool most worth labelling
"""

from volant.flywheel.advice.advice import learn
from volant.flywheel.advice.record import Advice
from volant.flywheel.advice.suggest import Suggested, suggest

__all__ = ["Advice", "Suggested", "learn", "suggest"]
