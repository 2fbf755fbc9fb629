"""docs/reference/settings.md: every key of a stack file, from the models."""

import ast
import inspect
import json
import re
import textwrap
import typing
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union

import annotated_types
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from settings import models
from settings.models import Settings

from .markdown import code, document, sentence, table

BASIC = {str: "text", bool: "true or false", int: "whole number", float: "number", Any: "any value"}
VALIDATED = {
    "exact_version": "exact version",
    "dns_label": "DNS label",
    "object_name": "object name",
    "revision": "revision",
    "duration": "duration",
    "digest": "digest",
    "object_uid": "UID",
    "minor_version": "minor version",
    "image_registry": "registry",
    "registry_host": "registry host",
    "quantity": "quantity",
    "stack_release": "Helm release name",
    "_share": "number between 0 and 1",
    "_positive": "number above 0",
    "_count": "number, 0 or more",
    "_multiple": "number above 1",
    "_pattern": "pattern",
    "_path": "field path",
    "_said": "text, not empty",
}
"""What a value is that a function checks, by the function's name."""


def page() -> str:
    """The page."""
    sections = [_section(name, field) for name, field in Settings.model_fields.items()]
    parts = [_part(model) for model in sorted(shared(), key=_title)]
    return document(
        "Settings",
        "A stack file `Pulumi.<stack>.yaml` has these keys below `config:`, each section with the prefix `meshlab:`. "
        "A key without a default has no value unless you set it. `<...>` stands for a name that you choose.",
        *sections,
        *parts,
    )


def _section(name: str, field: FieldInfo) -> str:
    model = typing.cast(type[BaseModel], field.annotation)
    key = model_key(Settings, name)
    return f"## {key}\n\n{textwrap.fill(_about(model), 120)}\n\n{_table(model, f'{key}.')}"


def _part(model: type[BaseModel]) -> str:
    return f"## {_title(model)}\n\n{textwrap.fill(_about(model), 120)}\n\n{_table(model, '')}"


def _table(model: type[BaseModel], prefix: str) -> str:
    return table(["key", "type", "default", "meaning"], rows(model, prefix))


def rows(model: type[BaseModel], prefix: str) -> Iterator[Sequence[str]]:
    """A row for each key; a section inside a section is a row with its own keys behind it."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{model_key(model, name)}"
        inner, behind = _inner(field.annotation)
        if inner is not None and _is_inline(inner):
            yield from rows(inner, f"{key}{behind}.")
        else:
            yield code(key), _type(field), _default(field), sentence(meanings(model)[name])


def shared() -> set[type[BaseModel]]:
    """The models that several sections use, or that stand in another module: they have a table of their own."""
    found: set[type[BaseModel]] = set()
    pending = [typing.cast(type[BaseModel], field.annotation) for field in Settings.model_fields.values()]
    while pending:
        for field in pending.pop().model_fields.values():
            inner, _ = _inner(field.annotation)
            if inner is not None and inner not in found:
                pending.append(inner)
                found |= set() if _is_inline(inner) else {inner}
    return found


def model_key(model: type[BaseModel], name: str) -> str:
    """A field's key in a stack file."""
    return model.model_fields[name].alias or name


@cache
def meanings(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of a model and of its bases, by the field's name."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, BaseModel) or base is BaseModel:
            continue
        body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]).body
        for field, text in pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as meaning)):
                    found[name] = meaning
                case _:
                    pass
    return found


def _is_inline(model: type[BaseModel]) -> bool:
    return model.__module__ == models.__name__


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model that a field leads to, and what stands between its key and the model's own."""
    plain, _ = _parted(annotation)
    arguments = typing.get_args(plain)
    if typing.get_origin(plain) is dict:
        inner, behind = _inner(arguments[1])
        return inner, f".<{_of(arguments[0])}>{behind}"
    if typing.get_origin(plain) is list:
        inner, behind = _inner(arguments[0])
        return inner, f"[]{behind}"
    if inspect.isclass(plain) and issubclass(plain, BaseModel):
        return plain, ""
    return None, ""


def _type(field: FieldInfo) -> str:
    return _of(Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation)


def _of(annotation: Any) -> str:
    """A type in words."""
    plain, marks = _parted(annotation)
    origin, arguments = typing.get_origin(plain), typing.get_args(plain)
    for mark in marks:
        if isinstance(mark, AfterValidator):
            return VALIDATED[getattr(mark.func, "__name__", "")]
    least = [mark.ge for mark in _limits(marks) if isinstance(mark, annotated_types.Ge)]
    if origin is Literal:
        return ", ".join(code(json.dumps(one).strip('"')) for one in arguments)
    if origin is dict:
        what = _of(arguments[1])
        return "mapping" if what == BASIC[Any] else f"{what}, by {_of(arguments[0])}"
    if origin is list:
        return f"list: {_of(arguments[0])}"
    if inspect.isclass(plain) and issubclass(plain, BaseModel):
        return f"[{_title(plain).lower()}](#{_title(plain).lower().replace(' ', '-')})"
    return BASIC[plain] + (f", {least[0]} or more" if least else "")


def _limits(marks: Sequence[Any]) -> Iterator[Any]:
    for mark in marks:
        yield mark
        yield from getattr(mark, "metadata", ())


def _parted(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without `| None`, and what is annotated on it."""
    if typing.get_origin(annotation) is Annotated:
        inner, *marks = typing.get_args(annotation)
        plain, more = _parted(inner)
        return plain, (*marks, *more)
    if typing.get_origin(annotation) in (Union, UnionType):
        (only,) = (one for one in typing.get_args(annotation) if one is not NoneType)
        return _parted(only)
    return annotation, ()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "" if value is None or value in ("", [], {}) or isinstance(value, BaseModel) else code(_written(value))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else json.dumps(value)


def _title(model: type[BaseModel]) -> str:
    words = re.findall(r"[A-Z][a-z]+", model.__name__)
    return " ".join(words).capitalize()


def _about(model: type[BaseModel]) -> str:
    return sentence(model.__doc__ or "")
