"""Wrong settings as one line each: which file, which key, what was expected, what was found, how to set it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast, get_args

import pulumi
from pydantic import BaseModel, ValidationError

from base.errors import MeshlabError

from .problem import DOES_NOTHING, Problem, shown
from .validators import BROKEN_RULE, IN_WORDS

UNKNOWN_KEY = "an unknown key"
A_SECRET = "a secret"

_TYPE_NAMES: Mapping[str, str] = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "dict_type": "a mapping",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


class SettingsError(MeshlabError, pulumi.RunError):
    """A stack file is wrong; one line for each problem. The language host prints it without a traceback."""

    def __init__(self, problems: Iterable[Problem], project: str, stack: str) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.path)
        super().__init__("\n".join(_line(problem, project, stack) for problem in self.problems))


def problems_of(model: type[BaseModel], error: ValidationError, *above: str) -> list[Problem]:
    """Translate what pydantic found in a model; `above` are the keys that lead to it."""
    return [_problem(above, model, detail) for detail in error.errors()]


def joined(path: Sequence[str]) -> str:
    """A path as people write it: `drift.ignore[0].fields`."""
    return "".join(part if part.startswith("[") or not number else f".{part}" for number, part in enumerate(path))


def _problem(above: Sequence[str], model: type[BaseModel], detail: Any) -> Problem:
    kind = cast(str, detail["type"])
    location = cast(Sequence[Any], detail["loc"])
    # An item of a list stands in brackets, also in a path of `pulumi config set`.
    path = (*above, *(f"[{part}]" if isinstance(part, int) else str(part) for part in location if part != "[key]"))
    context = cast(Mapping[str, Any], detail.get("ctx", {}))
    got = _got(kind, context, detail["input"])
    return Problem(path, _expected(kind, context, cast(str, detail["msg"]), model, location), got)


def _expected(kind: str, ctx: Mapping[str, Any], message: str, model: type[BaseModel], location: Sequence[Any]) -> str:
    rules: Mapping[str, Callable[[], str]] = {
        BROKEN_RULE: lambda: str(ctx["expected"]),
        IN_WORDS: lambda: str(ctx["words"]),
        "value_error": lambda: str(ctx["error"]).removeprefix("expected "),
        "extra_forbidden": lambda: f"one of the keys {', '.join(_known_keys(model, location[:-1]))}",
        "missing": lambda: "a value",
        "literal_error": lambda: str(ctx["expected"]),
        "greater_than_equal": lambda: f"{ctx['ge']} or more",
        "less_than_equal": lambda: f"{ctx['le']} or less",
        "too_short": lambda: f"at least {ctx['min_length']} entry",
    }
    if kind in rules:
        return rules[kind]()
    return _TYPE_NAMES.get(kind, message)


def _got(kind: str, ctx: Mapping[str, Any], value: object) -> str:
    if kind == BROKEN_RULE:
        return str(ctx["got"])
    if kind == "missing":
        return "nothing"
    if kind == "extra_forbidden":
        return UNKNOWN_KEY
    return shown(value)


def _known_keys(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """The keys of the model at `location`, which may lead through a mapping of models such as istio.revisions."""
    current = model
    for part in location:
        fields = {field.alias or name: field.annotation for name, field in current.model_fields.items()}
        nested = _model_in(fields.get(part))
        current = nested or current
    return sorted(field.alias or name for name, field in current.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `dict[str, RevisionSettings]` or `KialiSettings` holds, if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _line(problem: Problem, project: str, stack: str) -> str:
    key = f"{project}:{joined(problem.path)}"
    path = f"--path '{project}:{_config_path(problem.path)}'"
    remedy = f"remove with: pulumi config rm {path}"
    if problem.got not in (UNKNOWN_KEY, A_SECRET) and not problem.got.endswith(DOES_NOTHING):
        remedy = f"set with: pulumi config set {path} VALUE"
    return f"Pulumi.{stack}.yaml: {key}: expected {problem.expected}, got {problem.got} ({remedy})"


def _config_path(path: Sequence[str]) -> str:
    """The key in the form of `pulumi config set --path`: parts that are no plain word stand in brackets."""
    first, *rest = path
    return first + "".join(
        part if part.startswith("[") else f".{part}" if part.isidentifier() else f'["{part}"]' for part in rest
    )
