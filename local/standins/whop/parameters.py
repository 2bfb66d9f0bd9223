"""What the operations take, by version: nothing unknown, nothing of a wrong type."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from local.standins.whop.errors import WhopError

type Agent = Literal["general", "support"]
type NotificationPreference = Literal["all", "none"]

DEFAULT_AGENT: Agent = "support"


class Parameters(BaseModel):
    """Closed: a name that the version does not know is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Attachment(BaseModel):
    """A file that was uploaded before."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: str


class CreateAiChat(Parameters):
    """The body of a create, until the company became an account."""

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
            raise PydanticCustomError("not_a_suggestion", "It goes only with the message_source suggestion")
        return suggestion_type

    @property
    def agent(self) -> Agent:
        """The agent that is to answer."""
        return DEFAULT_AGENT


class CreateAiChatForAccount(CreateAiChat):
    """The body of a create, since the company is an account and there are several agents."""

    company_id: str | None = Field(default=None, alias="current_account_id")
    agent_identifier: Agent | None = None

    @property
    def agent(self) -> Agent:
        """The agent that is to answer."""
        return self.agent_identifier or DEFAULT_AGENT


class UpdateAiChat(Parameters):
    """The body of an update, until the company became an account. What is not set stays; None clears."""

    title: str | None = None
    notification_preference: NotificationPreference | None = None
    company_id: str | None = Field(default=None, alias="current_company_id")


class UpdateAiChatForAccount(UpdateAiChat):
    """The body of an update, since the company is an account."""

    company_id: str | None = Field(default=None, alias="current_account_id")


class ListAiChats(Parameters):
    """The query of a list, until there were several agents. Its values come as text."""

    model_config = ConfigDict(extra="forbid", strict=False)

    after: str | None = None
    before: str | None = None
    first: int | None = Field(default=None, ge=1)
    last: int | None = Field(default=None, ge=1)
    only_active_crons: Literal["true", "false"] | None = None

    @property
    def agent(self) -> Agent | None:
        """The agent to list chats of; None for all."""
        return None


class ListAiChatsByAgent(ListAiChats):
    """The query of a list, since there are several agents."""

    agent_identifier: Agent | None = None

    @property
    def agent(self) -> Agent | None:
        """The agent to list chats of; None for all."""
        return self.agent_identifier


def parse_body[P: Parameters](model: type[P], body: bytes) -> P:
    """The body as ``model``; an empty one counts as an object without fields.

    Raises:
        WhopError: 400, naming the parameter at fault.
    """
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise refusal_of(error.errors()[0]) from error


def parse_query[P: Parameters](model: type[P], query: dict[str, str]) -> P:
    """The query as ``model``; an empty value counts as left out.

    Raises:
        WhopError: 400, naming the parameter at fault.
    """
    try:
        return model.model_validate({name: value for name, value in query.items() if value})
    except ValidationError as error:
        raise refusal_of(error.errors()[0]) from error


def refusal_of(error: ErrorDetails) -> WhopError:
    """Whop's answer to the first thing that is wrong."""
    param = ".".join(str(part) for part in error["loc"]) or None
    match error["type"]:
        case "json_invalid":
            return WhopError(400, "The request body is not valid JSON", code="invalid_json")
        case "missing":
            return WhopError(400, f"Missing required parameter: {param}", code="parameter_missing", param=param)
        case "extra_forbidden":
            return WhopError(400, f"Unknown parameter: {param}", code="parameter_invalid", param=param)
    message = f"Invalid parameter: {param}. {error['msg']}" if param else "The request body should be a JSON object"
    return WhopError(400, message, code="parameter_invalid", param=param)
