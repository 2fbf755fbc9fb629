"""The provider of the package: Pulumi's own for components, but for how wrong inputs are told."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult, main
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

from .packaged import COMPONENTS, NAME


class Package(ComponentProvider):
    """The components of `packaged`."""

    def __init__(self) -> None:
        super().__init__(COMPONENTS, NAME)

    def construct(
        self, name: str, resource_type: str, inputs: Any, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        """Make a component. Wrong inputs are told as such: Pulumi's own provider would show a traceback."""
        try:
            return super().construct(name, resource_type, inputs, options)
        except ComponentInitError as error:
            if isinstance(error.inner, InputPropertiesError):
                raise error.inner from None
            raise


def serve(arguments: Sequence[str]) -> None:
    """Answer the engine, whose address is the first argument, until it ends this process."""
    main(Package(), list(arguments))
