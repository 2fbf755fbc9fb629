"""Taking a stack away, and showing that it is gone: the parts of `meshlab down` and `meshlab destroy`."""
