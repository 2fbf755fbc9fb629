"""What must not be shown, and what is another value at each rendering."""

import base64

from meshlab.render.masking import GENERATED, VARIES, masked, steady

KNOWN = "hunter2"


def secret(**content: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, **content}


def test_a_secret_keeps_its_keys_and_shows_no_value() -> None:
    encoded = base64.b64encode(KNOWN.encode()).decode()
    shown, _ = masked(secret(data={"a": encoded}, stringData={"b": KNOWN}))
    assert shown == secret(data={"a": "<secret>"}, stringData={"b": "<secret>"})


def test_a_generated_password_is_a_placeholder() -> None:
    shown, _ = masked(secret(stringData={"user": "admin", "password": GENERATED}))
    assert shown["stringData"] == {"user": "<secret>", "password": GENERATED}


def test_a_mapping_that_is_secret_as_a_whole_stays_a_mapping() -> None:
    assert masked(secret(stringData="<secret>"))[0]["stringData"] == {"<secret>": "<secret>"}


def test_the_mark_tells_contents_apart_and_is_no_digest_to_guess_against() -> None:
    one, same, other = (masked(secret(stringData={"a": value}))[1] for value in (KNOWN, KNOWN, "else"))
    assert one == same != other
    assert one != b""
    assert masked({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": KNOWN}})[1] == b""


def test_a_custom_resource_named_secret_and_other_kinds_are_left_as_they_are() -> None:
    custom = {"apiVersion": "vault.example/v1", "kind": "Secret", "data": {"path": "kv/a"}}
    assert masked(custom) == (custom, b"")


def test_of_a_crd_the_schemas_are_left_as_they_are() -> None:
    spec = {"versions": [{"schema": {"openAPIV3Schema": {"properties": {"secretChecksum": {"type": "string"}}}}}]}
    labels = {"checksum/secret": "f00"}
    crd = {"kind": "CustomResourceDefinition", "metadata": {"labels": labels}, "spec": spec, "status": {}}
    shown, mark = masked(crd)
    assert (list(shown), shown["spec"], mark) == (list(crd), spec, b"")
    assert shown["metadata"]["labels"] == {"checksum/secret": "<secret>"}


def test_the_checksum_of_a_secret_is_masked_everywhere_and_no_other_one() -> None:
    annotations = {"checksum/secret": "f00", "checksum/config": "ba4", "secret-checksum": "f00"}
    shown, _ = masked({"kind": "Deployment", "spec": {"template": [{"metadata": {"annotations": annotations}}]}})
    assert shown["spec"]["template"][0]["metadata"]["annotations"] == {
        "checksum/secret": "<secret>",
        "checksum/config": "ba4",
        "secret-checksum": "<secret>",
    }


def test_what_two_renderings_agree_on_stays_and_the_rest_is_marked() -> None:
    one = {"a": 1, "list": [1, 2], "cert": "x"}
    other = {"a": 1, "list": [1, 3], "cert": "y"}
    assert steady(one, other) == {"a": 1, "list": [1, VARIES], "cert": VARIES}


def test_of_a_text_only_the_lines_that_differ_are_marked() -> None:
    assert steady("user: a\npassword: x\n", "user: a\npassword: y\n") == f"user: a\n{VARIES}\n"
    assert steady("one\ntwo", "one") == VARIES


def test_mappings_and_lists_of_another_shape_are_marked_as_a_whole() -> None:
    assert steady({"a": 1}, {"b": 1}) == VARIES
    assert steady([1], [1, 2]) == VARIES
