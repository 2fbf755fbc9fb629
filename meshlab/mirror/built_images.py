"""The images of a stack that are built on this machine, for the real node of the embedded cluster."""

from base.say import Say
from embedded.cluster import build_images

from ..render.helm import RenderTarget
from ..stack import Stack
from ..state_folder import STATE
from ..target import EMBEDDED, Target
from .images import named_images
from .old_istio import is_of, unfit


def supply(stack: Stack, target: Target, say: Say) -> None:
    """Give the real node what stands in for the stack's images, and tell which have no stand-in.

    Pods that need one of those stay on simulated nodes. Raises MeshlabError.
    """
    say("real node: images of the stack; what this machine has not built before is built now")
    objects = stack.rendered(RenderTarget(target.kubernetes), once=True).objects
    versions = {name: revision.version for name, revision in stack.settings.istio.revisions.items()}
    reasons = unfit(versions, objects)
    for version, reason in reasons.items():
        say(f"Istio {version}: its istiod and the pods with its sidecars stay on simulated nodes: {reason}")
    names = {image for _, image in named_images(objects) if not is_of(image, reasons)}
    build_images(STATE, EMBEDDED, names, say)
