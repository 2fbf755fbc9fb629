"""`meshlab policy`: the rules of policy/ before whole stacks, and before what their charts bring."""

import argparse

from base.wording import counted

from ...policy.judgement import judged, policy_settings
from ...recording.recorder import ROOT
from ...render.trees import stacks_of
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ..console import say, say_aside
from ..render_options import add_target_options, renderer_of, target_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    which = parser.add_mutually_exclusive_group()
    add_stack_option(which, "stack to check (default: %(default)s)")
    which.add_argument("--all", action="store_true", help="check every stack")
    add_target_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Tell every violation: 1 where one is in a stack that makes the rules mandatory."""
    renderer, target = renderer_of(args, say_aside), target_of(args)
    refused = False
    for stack in stacks_of(ROOT) if args.all else [args.stack]:
        declared = Stack.load(stack, renderer=renderer)
        enforcement = policy_settings(declared).enforcement
        rendered, violations = judged(declared, target)
        for violation in violations:
            say(f"{stack}: {violation.rule} ({enforcement}): {violation.subject.label}: {violation.message}")
        for note in rendered.charts.notes:
            say(note)
        say(
            f"{stack}: {counted(len(violations), 'violation')} ({enforcement}) among "
            f"{counted(len(rendered.objects), 'object')} and {counted(len(rendered.releases), 'release')}"
        )
        refused |= bool(violations) and enforcement == "mandatory"
    return 1 if refused else 0
