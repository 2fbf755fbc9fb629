"""Container images for tests of the real node: programs of this machine with the libraries that they load."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from embedded.images import archive
from embedded.images.model import Entry, Recipe

IMAGE = "docker.io/library/python:test"
SHELL = ("sh", "cat", "sleep", "ls", "id", "touch", "env")
# What http.server and urllib need, and nothing large.
LEFT_OUT = re.compile(
    r"/(test|idlelib|lib2to3|tkinter|turtledemo|ensurepip|site-packages|dist-packages|__pycache__|config-|_tkinter)"
)


def python_image(target: Path, name: str) -> Path:
    """Write an image with Python, a shell and a few small programs."""
    interpreter = Path(sys.executable).resolve()
    library = Path(sysconfig.get_paths()["stdlib"])
    programs = {f"/bin/{name}": Path(shutil.which(name) or "") for name in SHELL}
    programs[str(interpreter)] = interpreter
    modules = [file for file in library.rglob("*") if file.is_file() and not LEFT_OUT.search(str(file))]
    files = {**programs, **{str(module): module for module in modules}}
    extensions = [module for module in modules if module.suffix == ".so"]
    for loaded in [*programs.values(), *extensions]:
        files |= {str(library): library for library in _libraries(loaded)}
    entries = [Entry(path.lstrip("/"), source=source.resolve()) for path, source in files.items()]
    recipe = Recipe("test", (), (), "programs of this machine")
    with target.open("wb") as sink:
        archive.write(sink, recipe, [entries], [name])
    return target


def python() -> str:
    """The interpreter's path in the image."""
    return os.path.realpath(sys.executable)


def _libraries(program: Path) -> list[Path]:
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", listed)]
