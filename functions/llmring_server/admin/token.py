"""The token that opens the operator's API."""

from llmring_core.errors import StartRefused
from llmring_core.secret_store import read_secret
from llmring_core.settings import MIN_TOKEN_LENGTH, Settings


def token_of(settings: Settings) -> str | None:
    """The token of the settings, None if the API is not to be there.

    Raises:
        StartRefused: it is too short.
        Unavailable: AWS, which keeps it, does not hand it out.
    """
    if settings.admin_token is not None:
        return settings.admin_token.get_secret_value()
    if settings.admin_token_secret is None:
        return None
    token = read_secret(settings.admin_token_secret, member="LLMRING_ADMIN_TOKEN").strip()
    if len(token) < MIN_TOKEN_LENGTH:
        raise StartRefused(f"LLMRING_ADMIN_TOKEN is shorter than {MIN_TOKEN_LENGTH} characters.")
    return token
