"""How pydantic's validators say what was expected: in words, and at the very key."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from .problem import Problem

IN_WORDS = "in_words"
BROKEN_RULE = "broken_rule"
"""The types of the errors that are raised here. errors.py translates them."""

_CONSTRAINTS = frozenset(
    {
        "finite_number",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "string_pattern_mismatch",
        "string_too_long",
        "too_long",
    }
)
"""The types of pydantic's errors for which `expected` has other words."""


def expected(words: str) -> WrapValidator:
    """Put words in the place of a constraint's own error. It stands behind the constraint in `Annotated`."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if any(detail["type"] not in _CONSTRAINTS for detail in error.errors()):
                raise
            raise PydanticCustomError(IN_WORDS, "expected {words}", {"words": words}) from None

    return WrapValidator(check)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise what breaks a rule of a model, in its validator: every problem at its own path below the model."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(
                BROKEN_RULE, "expected {expected}, got {got}", {"expected": problem.expected, "got": problem.got}
            ),
            loc=problem.path,
            input=None,
        )
        for problem in problems
    ]
    if details:
        raise ValidationError.from_exception_data("settings", details)
