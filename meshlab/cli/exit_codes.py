"""The exit codes of the command line: those of every command, and those of single commands."""

from types import MappingProxyType

CLOSED_PIPE = 141
"""A shell's code for SIGPIPE."""
INTERRUPTED, TERMINATED, HUNG_UP = 130, 143, 129
"""A shell's codes for SIGINT, SIGTERM and SIGHUP."""

COMMON = MappingProxyType(
    {
        0: "the command succeeded",
        1: "the command failed; one line on stderr names the reason",
        2: "the command line is wrong: an unknown command or option",
        HUNG_UP: "the terminal was closed; otherwise as Ctrl-C",
        INTERRUPTED: "interrupted by Ctrl-C",
        CLOSED_PIPE: "the reader of the output ended first, such as `head`",
        TERMINATED: "ended by SIGTERM, such as a cancelled job; otherwise as Ctrl-C",
    }
)

OWN = MappingProxyType(
    {
        "canary": {0: "every workload runs its revision", 2: "a workload has to roll, or its istiod is gone"},
        "diff": {0: "without `--exit-code`, or nothing changes", 2: "with `--exit-code`: something changes"},
        "doctor": {0: "no problem; warnings are possible", 1: "at least one problem"},
        "down": {0: "only retained objects are left", 2: "leftovers"},
        "drift": {
            0: "no drift, or `--fix` reverted all of it",
            1: "no drift found, and an object could not be compared",
            2: "drift",
        },
        "images": {1: "an image comes from another registry than its mirror"},
        "nightly": {0: "`look`: drift was checked, with or without a finding"},
        "policy": {1: "a mandatory rule is violated"},
        "recover": {1: "recovery was declined"},
        "rehearse": {
            0: "the stack works on every minor; warnings are possible",
            2: "a check failed on a minor",
        },
        "render": {1: "the rendered objects are not consistent; the files are written"},
        "verify": {
            0: "at least one check passed and none failed",
            1: "at least one check failed",
            2: "no check passed and none failed, or verify could not run",
        },
    }
)
"""What a code of a single command means, where it says more than `COMMON`."""
