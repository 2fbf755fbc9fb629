"""The programs that meshlab runs: found, fetched by digest, or built; kept by version outside of the tree."""
