"""docs/reference/settings.md: every key of a stack file, from the models.

Types are read from the annotations as they are written: the name of a type, such as `Duration`, tells a reader more
than the pattern behind it.
"""

import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from settings import models
from settings.models import Settings

from .markdown import WIDTH, code, document, sentence, table

WORDS = {
    "str": "text",
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
    "Any": "any value",
    "HelmValues": "mapping",
    "Ratio": "number between 0 and 1",
    "Positive": "number above 0",
    "Count": "number, 0 or more",
    "Multiple": "number above 1",
    "Reason": "text",
    "Patterns": "list: pattern",
}
"""A type in words, where its name is not enough."""
ACRONYMS = {"dns": "DNS", "uid": "UID"}


def page() -> str:
    """The page."""
    sections = [(model_key(Settings, name), _model(field)) for name, field in Settings.model_fields.items()]
    parts = [(_title(model), model) for model in sorted(shared(), key=_title)]
    return document(
        "Settings",
        "A stack file `Pulumi.<stack>.yaml` has these keys below `config:`, each section with the prefix `meshlab:`. "
        "A key without a default has no value unless you set it. `<...>` stands for a name that you choose.",
        *(_section(title, model, f"{title}.") for title, model in sections),
        *(_section(title, model, "") for title, model in parts),
    )


def _section(title: str, model: type[BaseModel], prefix: str) -> str:
    about = textwrap.fill(sentence(model.__doc__ or ""), WIDTH)
    return f"## {title}\n\n{about}\n\n{table(['key', 'type', 'default', 'meaning'], rows(model, prefix))}"


def rows(model: type[BaseModel], prefix: str) -> Iterator[Sequence[str]]:
    """A row for each key. The keys of an inner section stand behind its own."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{model_key(model, name)}"
        kind = _Type.of(model, name)
        if kind.model is not None and _is_inline(kind.model):
            yield from rows(kind.model, f"{key}{kind.between}.")
        else:
            yield code(key), kind.words, _default(field), sentence(meanings(model)[name])


def shared() -> set[type[BaseModel]]:
    """The models outside of settings/models.py, which several sections may use: they have a table each."""
    found: set[type[BaseModel]] = set()
    pending = [_model(field) for field in Settings.model_fields.values()]
    while pending:
        model = pending.pop()
        inner = [kind.model for name in model.model_fields if (kind := _Type.of(model, name)).model is not None]
        pending += [model for model in inner if model is not None and model not in found]
        found |= {model for model in inner if model is not None and not _is_inline(model)}
    return found


def model_key(model: type[BaseModel], name: str) -> str:
    """A field's key in a stack file."""
    return model.model_fields[name].alias or name


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of a model, by the field's name."""
    return {name: text for name, (_, _, text) in _fields(model).items()}


@cache
def _fields(model: type[BaseModel]) -> dict[str, tuple[str, ast.expr, str]]:
    """Module, annotation and text of each field of a model and of its bases."""
    found: dict[str, tuple[str, ast.expr, str]] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, BaseModel) or base is BaseModel:
            continue
        body = cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]).body
        for field, text in pairwise(body):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name), annotation=annotation),
                    ast.Expr(value=ast.Constant(value=str() as meaning)),
                ):
                    found[name] = base.__module__, annotation, meaning
                case _:
                    pass
    return found


def _model(field: FieldInfo) -> type[BaseModel]:
    return cast(type[BaseModel], field.annotation)


def _is_inline(model: type[BaseModel]) -> bool:
    return model.__module__ == models.__name__


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "" if value is None or value in ("", [], {}) or isinstance(value, BaseModel) else code(_written(value))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else json.dumps(value)


def _title(model: type[BaseModel]) -> str:
    return _spaced(model.__name__).capitalize()


def _spaced(name: str) -> str:
    """A name of a class in words."""
    words = re.findall(r"[A-Z][a-z]+", name) or [name]
    return " ".join(ACRONYMS.get(word.lower(), word.lower()) for word in words)


class _Type:
    """A type in words, the model that it leads to, and what stands between a key and the keys of that model."""

    def __init__(self, words: str, model: type[BaseModel] | None = None, between: str = "") -> None:
        self.words, self.model, self.between = words, model, between

    @classmethod
    def of(cls, model: type[BaseModel], name: str) -> "_Type":
        """The type of a field."""
        module, annotation, _ = _fields(model)[name]
        return cls._of(annotation, vars(sys.modules[module]))

    @classmethod
    def _of(cls, annotation: ast.expr, names: dict[str, Any]) -> "_Type":
        match annotation:
            case ast.BinOp(left=left, right=ast.Constant(value=None)):
                return cls._of(left, names)
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *marks])):
                kind = cls._of(inner, names)
                kind.words += "".join(f", {number} or more" for number in _least(marks))
                return kind
            case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
                return cls(_choices(ast.literal_eval(choices)))
            case ast.Subscript(value=ast.Name(id="list"), slice=inner):
                kind = cls._of(inner, names)
                return cls(f"list: {kind.words}", kind.model, f"[]{kind.between}")
            case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, inner])):
                kind, by = cls._of(inner, names), cls._of(key, names).words
                words = "mapping" if kind.words == WORDS["Any"] else f"{kind.words}, by {by}"
                return cls(words, kind.model, f".<{by}>{kind.between}")
            case ast.Name(id=name):
                return cls._named(name, names.get(name))
            case _:
                raise TypeError(f"no words for {ast.unparse(annotation)}")

    @classmethod
    def _named(cls, name: str, value: Any) -> "_Type":
        if name in WORDS:
            return cls(WORDS[name])
        if get_origin(value) is Literal:
            return cls(_choices(get_args(value)))
        if inspect.isclass(value) and issubclass(value, BaseModel):
            return cls(f"[{_title(value).lower()}](#{_title(value).lower().replace(' ', '-')})", value)
        return cls(_spaced(name))


def _least(marks: Sequence[ast.expr]) -> Iterator[int]:
    for mark in marks:
        if isinstance(mark, ast.Call):
            yield from (ast.literal_eval(keyword.value) for keyword in mark.keywords if keyword.arg == "ge")


def _choices(values: Sequence[Any]) -> str:
    return ", ".join(code(str(value)) for value in values)
