"""The command `meshlab`."""
