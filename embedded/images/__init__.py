"""Container images that are built on this machine, without Docker and without a registry.

They stand in for the published images under the manifests' own names. `images.toml` says which image is built from
what; `build` writes archives for `ctr --namespace k8s.io images import`.
"""

from .building import build, cache_folder
from .model import Image

__all__ = ["Image", "build", "cache_folder"]
