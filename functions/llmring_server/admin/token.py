"""The token that opens the operator's API."""

from llmring_core.secret_store import read_secret
from llmring_core.settings import Settings


def token_of(settings: Settings) -> str | None:
    """The token of the settings, None if the API is not to be there.

    Raises:
        Unavailable: AWS, which keeps it, does not hand it out.
    """
    if settings.admin_token is not None:
        return settings.admin_token.get_secret_value()
    if settings.admin_token_secret is not None:
        return read_secret(settings.admin_token_secret, member="LLMRING_ADMIN_TOKEN")
    return None
