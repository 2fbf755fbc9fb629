"""The stacks of this tree: a new file is one more in every test that holds for all of them."""

from meshlab.compare.trees import stacks_of
from meshlab.recorder import ROOT

STACKS = stacks_of(ROOT)
