"""plugin/inputs.py, written from the models of the settings.

The analyzer of Pulumi's SDK takes neither models of pydantic nor Literal nor Annotated. It takes a TypedDict, and reads
the texts below its fields from the source: so there has to be a source.
"""

import ast
import inspect
import textwrap
import types
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from meshlab.recording.recorder import ROOT
from settings.models import (
    ChartsSettings,
    ClusterSettings,
    EnvoyDemoSettings,
    IstioSettings,
    MeshSettings,
    MonitoringSettings,
    SampleAppsSettings,
)
from settings.section import Section

FILE = ROOT / "plugin" / "inputs.py"
SECTIONS: tuple[type[Section], ...] = (
    ClusterSettings,
    ChartsSettings,
    EnvoyDemoSettings,
    IstioSettings,
    MeshSettings,
    MonitoringSettings,
    SampleAppsSettings,
)
PROGRAMS = {
    "ClusterSettings": {"context", "clusterUid"},
    "EnvoyDemoSettings": {"enabled"},
    "MeshSettings": {"rollAtOnce", "rollTimeoutSeconds"},
    "SampleAppsSettings": {"enabled"},
}
"""Fields that no component reads: another program has a provider, conditions and a rollout of its own."""
HEAD = '''\
"""Sections of a stack file as inputs of the package: written from settings/models.py by `make golden`.

Field names are those of a stack file. What a value may be is checked when a component is made.
"""

from typing import Any, NotRequired, TypedDict
'''
WIDTH = 116


def written() -> str:
    """The text of plugin/inputs.py."""
    classes: dict[str, str] = {}
    for section in SECTIONS:
        _write(section, classes)
    return "\n\n".join([HEAD, *classes.values()])


def _write(model: type[Section], classes: dict[str, str]) -> None:
    """A class for a model, after those of the models that its fields hold."""
    if model.__name__ in classes:
        return
    documents = dict(_documents(model))
    lines = [f"class {model.__name__}(TypedDict):", *_quoted(inspect.cleandoc(model.__doc__ or "")), ""]
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in PROGRAMS.get(model.__name__, ()):
            continue
        kind, words = _kind(field.annotation, classes), documents[name]
        values = [value for literal in _literals(field.annotation) for value in literal]
        if values:
            words = f"{words} One of {', '.join(f'`{value}`' for value in values)}."
        lines.append(f"    {key}: {kind if field.is_required() else f'NotRequired[{kind}]'}")
        lines += _quoted(words)
    classes[model.__name__] = "\n".join(lines) + "\n"


def _kind(annotation: Any, classes: dict[str, str]) -> str:
    """The annotation of a field as the analyzer takes it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0], classes)
    if origin is Literal:
        return type(arguments[0]).__name__
    if origin in (Union, types.UnionType):
        (held,) = (argument for argument in arguments if argument is not type(None))
        return _kind(held, classes)
    if origin in (list, dict):
        return f"{origin.__name__}[{', '.join(_kind(argument, classes) for argument in arguments)}]"
    if annotation is Any:
        return "Any"
    if issubclass(annotation, Section):
        _write(annotation, classes)
    return annotation.__name__


def _literals(annotation: Any) -> Iterator[tuple[Any, ...]]:
    if get_origin(annotation) is Literal:
        yield get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from _literals(part)


def _documents(model: type[Section]) -> Iterator[tuple[str, str]]:
    """The text below each field of a model."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(model)).body if isinstance(node, ast.ClassDef))
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield ast.unparse(field.target), inspect.cleandoc(str(text.value.value))


def _quoted(text: str) -> list[str]:
    wrapped = textwrap.wrap(f'"""{" ".join(text.split())}"""', WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"    {line}" for line in wrapped]
