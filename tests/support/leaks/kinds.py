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
UPLOAD_SIGNATURE = "signature of an upload URL"
URL_SIGNATURE = "signature of an attachment's URL"
SIGNING_SECRET = "signing secret of a subscription"
RECEIVER_URL = "token in the URL of a receiver"

TITLE = "title"
MESSAGE = "message text"
BODY = "body of a webhook"
CONTENT = "content of Kodey"
METADATA = "metadata of Kodey"
FILE_NAME = "name of a file"
FILE_CONTENT = "content of a file"

SECRETS = {
    *(API_KEY, COMPANY_KEY, KODEY_KEY, TOKEN, WEBHOOK_SECRET, CODE, VERIFIER, ACCESS_TOKEN, REFRESH_TOKEN),
    *(UPLOAD_SIGNATURE, URL_SIGNATURE, SIGNING_SECRET, RECEIVER_URL),
}
TEXTS = {TITLE, MESSAGE, BODY, CONTENT, METADATA, FILE_NAME, FILE_CONTENT}
