"""The login of a Whop user in the browser, with which `make login` gets a grant."""
