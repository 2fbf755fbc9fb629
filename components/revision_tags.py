"""Revision tags: names that lead to a revision, so that namespaces need not change when the revision does."""

from typing import Any

from base.assets import Manifest, load_manifests
from settings.injection import DEFAULT
from settings.names import REVISION_LABEL, RevisionNames

TAG_LABEL = "istio.io/tag"
_BY_NAME = "rev."
"""How the webhooks are called that look for the tag by its name; the others are for who names none."""


def revision_tag(tag: str, revision: str) -> Manifest:
    """The injector of `tag`: the webhooks of `revision`, for namespaces and pods that say the tag's name."""
    (manifest,) = load_manifests("istio_control_plane", "revision-tag.yaml")
    metadata: dict[str, Any] = manifest["metadata"]
    metadata["name"] = RevisionNames(revision).tag_webhook(tag)
    metadata["labels"] |= {TAG_LABEL: tag, REVISION_LABEL: revision}
    manifest["webhooks"] = [
        webhook for webhook in manifest["webhooks"] if tag == DEFAULT or webhook["name"].startswith(_BY_NAME)
    ]
    for webhook in manifest["webhooks"]:
        # The webhooks share these in the file, and so here: what is set twice is the same.
        webhook["clientConfig"]["service"]["name"] = RevisionNames(revision).istiod
        for selector in ("namespaceSelector", "objectSelector"):
            for term in webhook[selector]["matchExpressions"]:
                if term["key"] == REVISION_LABEL and term["operator"] == "In":
                    term["values"] = [tag]
    return manifest
