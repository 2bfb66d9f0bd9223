"""The kinds of canaries: secrets, which only their owners may see, and texts of customers."""

API_KEY = "API key of Whop"
COMPANY_KEY = "API key of a company"
KODEY_KEY = "API key of Kodey"
TOKEN = "token of an API client"
WEBHOOK_SECRET = "webhook secret"
CODE = "authorization code"
VERIFIER = "PKCE verifier"
ACCESS_TOKEN = "access token"
REFRESH_TOKEN = "refresh token"

TITLE = "title"
MESSAGE = "message text"
BODY = "body of a webhook"
CONTENT = "content of Kodey"
METADATA = "metadata of Kodey"

SECRETS = {API_KEY, COMPANY_KEY, KODEY_KEY, TOKEN, WEBHOOK_SECRET, CODE, VERIFIER, ACCESS_TOKEN, REFRESH_TOKEN}
TEXTS = {TITLE, MESSAGE, BODY, CONTENT, METADATA}
