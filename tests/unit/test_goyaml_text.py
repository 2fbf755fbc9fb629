"""YAML as Kubernetes reads it, and YAML that any parser reads back as it was."""

import pytest
import yaml

from base.goyaml.text import TextError, from_yaml, to_yaml
from meshlab.stackfile.stack_names import StackName

KUBERNETES_READS = {
    "2026-11-24": "2026-11-24",
    "1:30": "1:30",
    "=": "=",
    "0644": 420,
    "0o644": 420,
    "1e3": 1000.0,
    "0.5": 0.5,
    "1_000": 1000,
    "yes": True,
    "y": True,
    "N": False,
    "0X1F": 31,
    "0899": 899.0,
    "1e400": "1e400",
    "12:30:45": "12:30:45",
    "2023-11-05 12:30:45": "2023-11-05 12:30:45",
    "<<": "<<",
    "~": None,
}


@pytest.mark.parametrize("text", KUBERNETES_READS)
def test_scalars_are_read_as_the_api_server_reads_them(text: str) -> None:
    (value,) = from_yaml(f"a: {text}")
    assert (value["a"], type(value["a"])) == (KUBERNETES_READS[text], type(KUBERNETES_READS[text]))


@pytest.mark.parametrize("text", ["yes", "n", "1e3", "0644", "1:30", "2026-11-24", "=", "null", "", "a: b", "|", "0X1"])
def test_a_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    written = to_yaml({"a": text})
    assert from_yaml(written) == [{"a": text}]
    assert yaml.safe_load(written) == {"a": text}


def test_keys_are_texts_as_in_json() -> None:
    assert from_yaml("{y: 1, 0x1F: 2, 1.5: 3, 'on': 4}") == [{"true": 1, "31": 2, "1.5": 3, "on": 4}]


# As `kubectl label --local` 1.36 reads them.
MERGED = {
    "{a: own, <<: {a: merged, b: merged}}": {"a": "merged", "b": "merged"},
    "{<<: {a: merged, b: merged}, a: own}": {"a": "own", "b": "merged"},
    "{a: own, <<: [{a: first, b: first}, {b: second, c: second}], c: own}": {"a": "first", "b": "first", "c": "own"},
    "{<<: {<<: {a: inner, b: inner}, b: outer}}": {"a": "inner", "b": "outer"},
}


@pytest.mark.parametrize("text", MERGED)
def test_what_is_merged_replaces_the_keys_above_it(text: str) -> None:
    assert from_yaml(text) == [MERGED[text]]


def test_only_mappings_are_merged() -> None:
    with pytest.raises(TextError, match="expected a mapping or a list of them after <<"):
        from_yaml("{<<: text}")


def test_keys_are_sorted_long_lines_stay_whole_and_texts_of_lines_are_blocks() -> None:
    long = "word " * 60
    assert to_yaml({"b": long.strip(), "a": "one\ntwo\n"}) == f"a: |\n  one\n  two\nb: {long.strip()}\n"


def test_two_places_with_the_same_value_are_written_out_twice() -> None:
    shared = {"a": [1]}
    assert "&" not in to_yaml({"one": shared, "two": shared})


def test_what_is_no_yaml_is_one_line() -> None:
    with pytest.raises(TextError) as caught:
        from_yaml("a: [1,\nb: }")
    assert "\n" not in str(caught.value)


def test_a_text_of_a_class_of_its_own_is_written_as_its_text() -> None:
    names = StackName.of("acme/dev"), StackName.of("5")
    assert to_yaml(list(names)) == to_yaml(["dev", "5"])
