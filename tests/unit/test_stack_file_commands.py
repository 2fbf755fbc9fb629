"""What is wrong in a stack file is the same line in every command, before anything is begun."""

import pytest

from embedded.tools import toolchain
from meshlab.cli import main as cli
from meshlab.recording import recorder
from meshlab.stackfile.reading import parsed

COMMANDS = [
    ["up"],
    ["preview"],
    ["down", "--cluster", "c"],
    ["doctor"],
    ["recover", "--cluster", "c"],
    ["drift", "--cluster", "c"],
    ["render", "--out", "nowhere"],
    ["policy"],
    ["images"],
    ["charts", "fetch", "--out", "nowhere"],
    ["graph"],
    ["verify"],
    ["rollback"],
    ["redact", "a.log"],
    ["promote", "next", "staging"],
    ["promote", "--status"],
]
WRONG = {
    "refused by Pulumi": (
        "config:\n  meshlab:monitoring:\n    values: {a: .inf}\n",
        "Pulumi.dev.yaml: line 3: expected a finite number, got .inf (write it in quotes if it is a text)\n",
    ),
    "read otherwise by helm": (
        "config:\n  meshlab:monitoring:\n    values:\n      a: no\n",
        "Pulumi.dev.yaml: line 4: meshlab:monitoring.values.a: expected a value that Pulumi and helm read alike, got "
        'no, which is the text "no" to Pulumi and false to helm (write "no" or false)\n',
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_the_same_line(
    words: list[str], wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, line = WRONG[wrong]
    if words[0] == "promote":
        line = line.replace("Pulumi.dev.yaml", "Pulumi.next.yaml")
    monkeypatch.setattr(recorder, "read", lambda path: parsed(text, path.name))
    monkeypatch.setattr(toolchain, "ensure", lambda names, *_: pytest.fail(f"looked for {names}, or built it"))
    assert cli.main(words) != 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err.removeprefix("verify: ")) == ("", line)
