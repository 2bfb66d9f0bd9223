"""The parameters of the operations, by version. Unknown fields and wrong types are rejected."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from aichats.validation import message_of
from local.standins.whop.errors import WhopError

type Agent = Literal["general", "support"]
type NotificationPreference = Literal["all", "none"]

DEFAULT_AGENT: Agent = "support"


class Parameters(BaseModel):
    """Parameters that reject fields that the version doesn't have."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Attachment(BaseModel):
    """An uploaded file."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: str


class CreateAiChat(Parameters):
    """The body of a create, in versions with a company."""

    message_text: str
    title: str | None = None
    message_attachments: list[Attachment] | None = None
    message_source: Literal["manual", "suggestion", "link"] | None = None
    suggestion_type: str | None = None
    company_id: str | None = Field(default=None, alias="current_company_id")

    @field_validator("suggestion_type")
    @classmethod
    def _only_with_a_suggestion(cls, suggestion_type: str | None, info: ValidationInfo) -> str | None:
        if suggestion_type is not None and info.data.get("message_source") != "suggestion":
            raise ValueError("It goes only with the message_source suggestion")
        return suggestion_type

    @property
    def agent(self) -> Agent:
        """The agent that answers."""
        return DEFAULT_AGENT


class CreateAiChatForAccount(CreateAiChat):
    """The body of a create, in versions with an account and several agents."""

    company_id: str | None = Field(default=None, alias="current_account_id")
    agent_identifier: Agent | None = None

    @property
    def agent(self) -> Agent:
        """The agent that answers."""
        return self.agent_identifier or DEFAULT_AGENT


class UpdateAiChat(Parameters):
    """The body of an update, in versions with a company. Fields that aren't set stay; None clears a field."""

    title: str | None = None
    notification_preference: NotificationPreference | None = None
    company_id: str | None = Field(default=None, alias="current_company_id")


class UpdateAiChatForAccount(UpdateAiChat):
    """The body of an update, in versions with an account."""

    company_id: str | None = Field(default=None, alias="current_account_id")


class ListPage(Parameters):
    """The query of a list. Its values are texts."""

    model_config = ConfigDict(extra="forbid", strict=False)

    after: str | None = None
    before: str | None = None
    first: int | None = Field(default=None, ge=1)
    last: int | None = Field(default=None, ge=1)


class ListAiChats(ListPage):
    """The query of a list of chats, in versions with one agent."""

    only_active_crons: Literal["true", "false"] | None = None

    @property
    def agent(self) -> Agent | None:
        """The agent whose chats to list, or None for all."""
        return None


class ListAiChatsByAgent(ListAiChats):
    """The query of a list of chats, in versions with several agents."""

    agent_identifier: Agent | None = None

    @property
    def agent(self) -> Agent | None:
        """The agent whose chats to list, or None for all."""
        return self.agent_identifier


def parse_body[P: Parameters](model: type[P], body: bytes) -> P:
    """Return the body as ``model``. An empty body counts as an object without fields.

    Raises:
        WhopError: 400, with the invalid parameter.
    """
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise refusal_of(error.errors()[0]) from error


def parse_query[P: Parameters](model: type[P], query: dict[str, str]) -> P:
    """Return the query as ``model``. Empty values are ignored.

    Raises:
        WhopError: 400, with the invalid parameter.
    """
    try:
        return model.model_validate({name: value for name, value in query.items() if value})
    except ValidationError as error:
        raise refusal_of(error.errors()[0]) from error


def refusal_of(error: ErrorDetails) -> WhopError:
    """Return Whop's error for the first invalid parameter."""
    param = ".".join(str(part) for part in error["loc"]) or None
    match error["type"]:
        case "json_invalid":
            return WhopError(400, "The request body is not valid JSON", code="invalid_json")
        case "missing":
            return WhopError(400, f"Missing required parameter: {param}", code="parameter_missing", param=param)
        case "extra_forbidden":
            return WhopError(400, f"Unknown parameter: {param}", code="parameter_invalid", param=param)
    message = (
        f"Invalid parameter: {param}. {message_of(error)}" if param else "The request body should be a JSON object"
    )
    return WhopError(400, message, code="parameter_invalid", param=param)
