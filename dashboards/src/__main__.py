"""`python -m dashboards.src`, from the project's root: writes dashboards/*.json."""

from .build import main

main()
