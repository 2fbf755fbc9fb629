"""The policy pack, as `pulumi preview --policy-pack policy` starts it."""

import pulumi
from pack.engine import policies
from pack.settings import PROJECT, SECTION, settings_of
from pulumi_policy import EnforcementLevel, PolicyPack

# The engine hands a pack the configuration of the stack that it is to judge.
settings = settings_of(pulumi.Config(PROJECT).get_object(SECTION))

PolicyPack("meshlab", policies(settings), EnforcementLevel(settings.enforcement))
