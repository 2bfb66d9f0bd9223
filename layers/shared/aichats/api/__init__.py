"""The HTTP API: routes, tokens and scopes, problem details, the OpenAPI document."""
