"""The login of a Whop user in the browser, with which `aichats admin connect` gets a grant."""
