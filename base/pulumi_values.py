"""How Pulumi marks values that are not plain data, on its wire and in exported state."""

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
"""A mapping with this key is a special value; the key's value is the kind."""
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""The kind of a secret."""
