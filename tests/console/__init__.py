"""The tests of the console in a browser. They are a package, so that the browser ends after the last of them."""
