"""The HTTP API: routes, tokens and scopes, problem details, and the OpenAPI document."""
