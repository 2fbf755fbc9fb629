"""What the README claims is held to the program."""

import re

from meshlab.recording.recorder import ROOT, Recording

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_picture_shows_exactly_the_waits_between_components(dev: Recording) -> None:
    by_urn = {resource.urn: resource for resource in dev.resources}

    def component(urn: str) -> str:
        resource = by_urn[urn]
        return component(resource.parent) if resource.parent else resource.name

    waits = {(component(r.urn), component(urn)) for r in dev.resources for urn in r.depends_on}
    drawn = set(re.findall(r"^  ([a-z-]+) -->\|[^|]+\| ([a-z-]+)$", README, flags=re.MULTILINE))
    assert drawn == {(waiting, needed) for waiting, needed in waits if waiting != needed}
    boxes = set(re.findall(r'^  ([a-z-]+)\["', README, flags=re.MULTILINE))
    assert boxes == {resource.name for resource in dev.resources if not resource.custom}


def test_every_page_and_make_target_that_the_readme_names_exists() -> None:
    pages = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(pages) >= 10
    assert [page for page in pages if not (ROOT / page).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"^ {4}make ([a-z-]+)", README, flags=re.MULTILINE)) <= targets
