"""Sources of the dashboards: `python -m dashboards.src` writes dashboards/*.json from the modules of this package."""
