"""The stacks of this tree: a new file is one more in every test that holds for all of them."""

from meshlab.recording.recorder import ROOT
from meshlab.render.trees import stacks_of

STACKS = stacks_of(ROOT)
