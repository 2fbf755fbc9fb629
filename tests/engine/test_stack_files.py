"""A stack file means one thing: to the Pulumi CLI, to a program, to our commands, and to helm or it is refused."""

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest

from base.goyaml.scalars import as_json
from base.goyaml.text import document
from embedded.tools.toolchain import ToolsMissingError, ensure
from meshlab.engine.programs import EngineMissingError, find_cli
from meshlab.recording.recorder import record
from meshlab.stackfile.alike import surprises
from meshlab.stackfile.reading import StackFileError, parsed, read, written
from tests.engine.yaml_readers import STACK, Readers

SCALARS = """
plain
"quoted"
''
true
True
TRUE
false
yes
no
on
off
y
n
Y
Yes
NO
Off
~
null
Null
"null"
"true"
"no"
'off'
0
-0
7
+7
-12
00
1_000
1__0
_1
017
0o17
0O17
-0o17
0o-7
"0o17"
0899
-08
"0899"
0x1F
0X1F
-0x1F
0x
0xFFFFFFFFFFFFFFFFFF
0b101
0B101
0b-1
1.5
+1.5
.5
.5_5
._5
5.
-0.0
1e3
1.0
1e-5
1e-7
1E+3
1e21
1e400
1234e56
"1234e56"
1234e4
1_0.5
1.17
1.30
123456789.123456789
12:30
12:30:45
1:2:3.5
2023-11-05
2023-1-5
2023-02-30
"2023-11-05"
2023-11-05T12:30:45Z
2023-11-05t1:3:4Z
2023-11-05T12:30:45.123456789123Z
2023-11-05 12:30:45.100
2023-11-05 12:30:45 +02:00
2023-11-05T24:00:00Z
=
<<
.
9007199254740992
9007199254740993
123456789012345678
9223372036854775808
18446744073709551615
-9223372036854775809
123456789012345678901234
!!str 12
!!str no
!!int "12"
!!float 3
!!null ""
!!binary aGk=
!!timestamp 2023-11-05
!foo 12
! 12
"a\\u0085b\\u2028c \\U0001F600\\t<&>"
'it''s'
[1, no, 2023-11-05]
{a: off, b: [~, on]}
""".strip().split("\n")
"""Scalars as people write them, and as they should not."""

LONE_MARK = "! 12"
"""A text to helm, by a mark without a name; PyYAML takes the mark away. No chart writes it."""

TEXTS = [
    *[
        "",
        " ",
        "a ",
        " a",
        "~",
        "null",
        "true",
        "no",
        "y",
        "on",
        "=",
        "<<",
        "-",
        "?",
        "- a",
        "a: b",
        "a #b",
        "#a",
        "!a",
    ],
    *["0899", "0o17", "0X1F", "0B1", "1234e56", "1e3", ".5_5", "1_000", "12:30", "2023-11-05", ".inf", "9" * 17, "&a"],
    *["a\nb", "a\nb\n", "a\n\n", "  a\n b", "a\r\nb", "a\tb", "\x07\x7f", "a\u0085b\nc", "a\u2028b\nc", "\ufeffa"],
    *[
        "'",
        '"',
        "\\",
        "{a",
        "[a",
        "a]",
        "%a",
        "@a",
        "`a",
        "|",
        ">",
        "---",
        "...",
        "--- a\n...\n",
        "x" * 300 + " y" * 300,
    ],
    *["*a", "\U0001f600"],
]
"""Texts that some reader takes for something else where they are not quoted, or not escaped."""


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Readers:
    try:
        cli, helm = find_cli(print), ensure(["helm"])["helm"]
    except (EngineMissingError, ToolsMissingError) as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    return Readers.made(tmp_path_factory.mktemp("readers"), cli, helm)


def nested(indent: str) -> str:
    return "".join(f"{indent}k{place:03}: {text}\n" for place, text in enumerate(SCALARS))


TABLE = f"config:\n{nested('  meshlab:')}  meshlab:section:\n    values:\n{nested('      ')}"


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types throughout."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By scalar, what two readers make of it, where that is not the same."""
    assert list(one) == list(other)
    pairs = zip(SCALARS, one.values(), other.values(), strict=True)
    return {text: (ours, theirs) for text, ours, theirs in pairs if not same(ours, theirs)}


def test_the_table_is_as_long_as_it_should_be() -> None:
    assert len(set(SCALARS)) == len(SCALARS) >= 60


def test_a_program_finds_the_same_config_by_the_engine_and_by_us(readers: Readers) -> None:
    theirs = readers.program(TABLE)
    ours = record(STACK, project_dir=readers.project, strict=False).outputs["seen"]
    assert ours.keys() == theirs.keys()
    wrong = {key: (ours[key], theirs[key]) for key in theirs if key != "meshlab:section" and ours[key] != theirs[key]}
    assert wrong == {}
    both = [json.loads(seen["meshlab:section"])["values"] for seen in (ours, theirs)]
    assert differing(*both) == {}


def test_a_program_finds_the_same_in_the_file_that_the_engine_is_handed(readers: Readers) -> None:
    direct, handed = readers.program(TABLE), readers.program(written(parsed(TABLE, "f").content))
    section = "meshlab:section"
    assert {key: (text, handed[key]) for key, text in direct.items() if key != section and text != handed[key]} == {}
    assert json.loads(handed[section]) == json.loads(direct[section])


def test_charts_output_is_read_as_helm_reads_it(readers: Readers) -> None:
    text = "".join(f"k{place:03}: {one}\n" for place, one in enumerate(SCALARS) if one != LONE_MARK)
    theirs, ours = readers.values(text), rounded(document(text))
    assert {key: (ours[key], one) for key, one in theirs.items() if not same(ours[key], one)} == {}


def test_the_config_command_shows_what_we_read(readers: Readers) -> None:
    shown = json.loads(readers.config(TABLE)["meshlab:section"]["value"])
    assert differing(parsed(TABLE, "f").config["meshlab:section"]["values"], shown["values"]) == {}


def test_what_helm_reads_otherwise_is_refused_and_nothing_else(readers: Readers) -> None:
    file = parsed(TABLE, "Pulumi.dev.yaml")
    theirs = readers.values(nested(""))
    expected = differing(file.config["meshlab:section"]["values"], theirs)
    lines = TABLE.split("\n")
    told = [
        lines[int(line.split(": line ")[1].split(":")[0]) - 1].strip().partition(": ")[2] for line in surprises(file)
    ]
    assert set(told) == set(expected)
    assert {"no", "y", "2023-11-05", "9007199254740993"} <= set(told)


def test_what_we_write_is_read_as_the_same_by_each(readers: Readers) -> None:
    values = {
        "read": parsed(TABLE, "f").config["meshlab:section"]["values"],
        "texts": TEXTS,
        "keys": {text: place for place, text in enumerate(TEXTS) if text != "<<"},
    }
    content = {"config": {"meshlab:section": {"values": values}}}
    text = written(content)
    assert parsed(text, "f").content == content
    assert list(surprises(parsed(written({"config": {"meshlab:section": {"values": TEXTS}}}), "f"))) == []
    shown = json.loads(readers.config(text)["meshlab:section"]["value"])["values"]
    for part, wanted in values.items():
        assert unlike(shown[part], wanted) == []
    theirs = readers.values(written(values))
    for part, wanted in values.items():
        assert unlike(theirs[part], rounded(wanted)) == []


def unlike(found: Any, wanted: Any) -> list[tuple[Any, Any]]:
    """Entries of two lists or of two mappings that are not the same."""
    if isinstance(wanted, Mapping):
        return unlike(sorted(found.items()), sorted(wanted.items()))
    return [(one, other) for one, other in zip(found, wanted, strict=True) if not same(one, other)]


def rounded(value: Any) -> Any:
    """A value with the numbers of helm, all of which are floats."""
    if isinstance(value, Mapping):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return as_json(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


REFUSED = {
    "config:\n  meshlab:a: .inf\n": "line 2: expected a finite number, got .inf (write it in quotes if it is a text)",
    "config:\n  meshlab:a: {b: .nan}\n": "line 2: expected a finite number, got .nan (",
    "config:\n  meshlab:a:\n    b: 1\n    b: 2\n": "line 4: expected each key once, got b again, as in line 3 (",
    "config: {}\nconfig: {}\n": "line 2: expected each key once, got config again, as in line 1 (",
    "config:\n  meshlab:a: !!bool yes\n": "line 2: expected what !!bool says, got yes (",
    "config:\n  meshlab:a: !!int x\n": "line 2: expected what !!int says, got x (",
    "config:\n  meshlab:a: {? [b] : 1}\n": "line 2: expected a text as the key, got a list or a mapping (",
    "config:\n  meshlab:a: &a [*a]\n": "line 2: expected YAML, got: the anchor a contains itself",
    "config:\n  meshlab:a: *b\n": "line 2: expected YAML, got: the anchor b is not there",
    "config:\n  meshlab:a: {<<: 1}\n": "line 2: expected a mapping or a list of them after <<, got something else (",
    'config:\n  meshlab:a: {"<<": 1}\n': "line 2: expected another key, got << in quotes, which Pulumi drops (",
    "config:\n  meshlab:a: {<<: {b: 1}, <<: {c: 1}}\n": "line 2: expected one <<, got another (",
    'config:\n  meshlab:a: ["\\ta\\nb"]\n': "line 2: expected a text of lines that begins with no tab, got one, which ",
    "config: [a]\n": "line 1: expected config to be a mapping, got a list (write KEY: VALUE lines)",
    "- a\n": "line 1: expected the file to be a mapping, got a list (",
    "a\n": "line 1: expected the file to be a mapping, got a text (",
    "config:\n  a:b:c: 1\n": "line 2: expected a key PROJECT:NAME or NAME, got a:b:c (write meshlab:NAME)",
    "config:\n\tmeshlab:a: 1\n": "line 2: expected YAML, got: ",
    "config: {a: 1\n": "line 2: expected YAML, got: ",
}
"""What the CLI refuses, some of it without a line, and what we say of it."""


@pytest.mark.parametrize("content", REFUSED)
def test_what_the_command_refuses_is_refused_in_one_line(readers: Readers, content: str) -> None:
    assert readers.refused(content)
    with pytest.raises(StackFileError) as caught:
        read(readers.file)
    said = str(caught.value)
    assert said.startswith(f"Pulumi.dev.yaml: {REFUSED[content]}")
    assert "\n" not in said


def test_an_empty_first_line_is_refused_because_the_command_drops_it(readers: Readers) -> None:
    shown = readers.config("config:\n  meshlab:a:\n    b: |\n\n      x\n")
    assert json.loads(shown["meshlab:a"]["value"]) == {"b": "x\n"}
    with pytest.raises(
        StackFileError, match=r"^Pulumi\.dev\.yaml: line 3: expected a text that begins with no empty line"
    ):
        read(readers.file)


READ = {
    "namespaces": "config:\n  a: 1\n  meshlab:config:b: [1]\n  kubernetes:context: c\n",
    "anchors": "config:\n  meshlab:a: &a {b: 1, c: [x]}\n  meshlab:d: {e: *a, f: {<<: *a, b: 2}}\n",
    "merged lists": "config:\n  meshlab:g: {<<: [{h: 1}, {h: 2, i: 3}], i: ~}\n",
    "lists": "config:\n  meshlab:a:\n  - b: {c: [[1, [no]], []]}\n  -\n  - {}\n",
    "blocks": "config:\n  meshlab:a:\n    b: |\n      x\n       y\n    c: >-\n      x\n      y\n",
    "folds": 'config:\n  meshlab:a:\n    d: "x\n      y"\n    e: x\n      y\n',
    "windows": "# a\r\nconfig:\r\n  meshlab:a:\r\n    b: |\r\n      x\r\n      y\r\n    c: no\r\n",
    "mark": "\ufeffconfig:\n  meshlab:a: x\n",
    "keys": "config:\n  meshlab:a: {true: 1, 1: 2, on: 3, '2.0': 4, \"~\": 5}\n",
    "nothing": "config:\n  meshlab:a:\n  meshlab:b: ~\n  meshlab:c: ''\n  meshlab:d: {e: , f: null}\n",
    "a second document with nothing in it": "config:\n  meshlab:a: x\n---\n# end\n",
    "empty": "",
    "only comments": "# config:\n#   a: 1\n\n",
    "empty config": "config:\n",
    "document marks": "%YAML 1.1\n---\nconfig: {meshlab:a: x}\n...\n",
}
"""Files whose form is not the usual one."""


@pytest.mark.parametrize("form", READ)
def test_a_file_of_any_form_is_read_as_the_command_reads_it(readers: Readers, form: str) -> None:
    shown = readers.config(READ[form].encode())
    ours = parsed(READ[form].removeprefix("\ufeff"), "f").config
    assert read(readers.file).config == ours
    theirs = {key: json.loads(one["value"]) if "objectValue" in one else one["value"] for key, one in shown.items()}
    texts = {
        key: value if isinstance(value, dict | list) else "" if value is None else str(value)
        for key, value in ours.items()
    }
    assert same(texts, theirs)


def test_secrets_stay_what_they_are_when_the_file_is_written_anew(readers: Readers) -> None:
    readers.file.write_text("config:\n  meshlab:a: {b: x}\n", encoding="utf-8")
    readers.pulumi("config", "set", "--secret", "--path", "meshlab:a.c", "hidden", "--stack", STACK)
    readers.pulumi("config", "set", "--secret", "meshlab:d", "as well", "--stack", STACK)
    file = read(readers.file)
    assert list(file.config["meshlab:a"]["c"]) == list(file.config["meshlab:d"]) == ["secure"]
    readers.file.write_text(written(file.content), encoding="utf-8")
    shown = readers.pulumi("config", "--json", "--show-secrets", "--stack", STACK).stdout
    assert {key: one["value"] for key, one in json.loads(shown).items()} == {
        "meshlab:a": '{"b":"x","c":"hidden"}',
        "meshlab:d": "as well",
    }
