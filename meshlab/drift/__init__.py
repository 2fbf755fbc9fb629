"""Whether a cluster still is as its stack was brought up: the parts of `meshlab drift`."""
