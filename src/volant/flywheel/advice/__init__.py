"""Advice on the next iteration: more data, which data, and which labels look wrong.

rows          train rows in an order whose beginnings are fair samples, and refits
folds         folds that split no group
curve         the metric on 25, 50 and 100 % of the train rows
mislabelled   likely label errors, by confident learning
weak          labels and slices that do worst
advice        all of it for a flywheel: reports/<flywheel>/next.md
suggest       the rows of an unlabelled pool most worth labelling
"""

from volant.flywheel.advice.advice import Advice, learn
from volant.flywheel.advice.suggest import Suggested, suggest

__all__ = ["Advice", "Suggested", "learn", "suggest"]
