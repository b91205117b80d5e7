"""Training: presets, the controller loop, the run directory."""

from spicesnn.training.config import Config, load, preset_names
from spicesnn.training.loop import infer, make_engine, train
from spicesnn.training.run import RunDirectory
from spicesnn.training.starts import StartsSummary, kept_starts, replay, train_starts
from spicesnn.training.state import Progress
from spicesnn.training.summary import Summary

__all__ = [
    "Config", "Progress", "RunDirectory", "StartsSummary", "Summary", "infer", "kept_starts", "load", "make_engine", "preset_names", "replay",
    "train", "train_starts",
]  # fmt: skip
