"""What a cluster asks of each webhook configuration: labels and annotations by which its platform leaves it alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from base.assets import Manifest
from base.merging import merged


@dataclass(frozen=True)
class WebhookMarks:
    """Labels and annotations for webhook configurations."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])

    def on(self, webhooks: Manifest) -> Manifest:
        """A copy of a configuration with them; what the program sets itself stays as it is."""
        asked = {"labels": dict(self.labels), "annotations": dict(self.annotations)}
        asked = {key: value for key, value in asked.items() if value}
        return {**webhooks, "metadata": merged(asked, webhooks["metadata"])}
