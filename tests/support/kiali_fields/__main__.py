"""Writes the fields of one version's chart: `python -m tests.support.kiali_fields kiali-operator-<version>.tgz`."""

import sys
from pathlib import Path

import yaml

from . import HERE, of_chart

package = Path(sys.argv[1])
file = HERE / f"{package.stem.removeprefix('kiali-operator-')}.yaml"
file.write_text(yaml.safe_dump(of_chart(package)), encoding="utf-8")
print(file)
