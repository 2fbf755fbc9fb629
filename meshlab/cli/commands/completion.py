"""`meshlab completion`: the code that makes a shell complete commands, options, stacks and contexts."""

import argparse

from argcomplete.shell_integration import shellcode

from ..main import PROGRAM

SHELLS = ("bash", "zsh", "fish")
EPILOG = """\
bash, in ~/.bashrc:                  eval "$(meshlab completion bash)"
zsh, in ~/.zshrc after compinit:     eval "$(meshlab completion zsh)"
fish, in ~/.config/fish/config.fish: meshlab completion fish | source
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("shell", choices=SHELLS, help="shell to write the code for")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the code, and nothing else, to standard output."""
    print(shellcode([PROGRAM], shell=args.shell))
    return 0
