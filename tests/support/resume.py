"""A training that is killed and resumed."""

CODE = """
import json, sys
from pathlib import Path
from volant import config
from volant.config import Flywheel
from volant.stages.train import train
wheel = config.validate(Flywheel, json.loads(sys.argv[1]), "flywheel")
data, folder, work = map(Path, sys.argv[2:5])
train("made-up", wheel, data, folder, work)
"""
