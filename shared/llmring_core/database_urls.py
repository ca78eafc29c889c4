"""The URL of a database: what can be one, and what may be shown of it."""

import re
from urllib.parse import parse_qsl, urlsplit

_PORT = r"(:([0-5]?[0-9]{0,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_HOST = rf"(\[[0-9A-Fa-f:.%]+\]|[^:,\[\]]*){_PORT}"
_HOSTS = re.compile(rf"{_HOST}(,{_HOST})*")


def check_database_url(url: str) -> str:
    """Return a PostgreSQL URL that can be one.

    A password with a sign of URLs in it that is not written as %2F or the like would otherwise be
    taken for a port or the name of a database, and be shown as such.

    Raises:
        ValueError: it cannot be one; without any part of it.
    """
    try:
        parts = urlsplit(url)
        parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError("not a URL") from None
    if not url.startswith(("postgres://", "postgresql://")):
        raise ValueError("not a postgresql:// URL")
    is_whole = parts.netloc.count("@") <= 1 and "@" not in parts.path and not parts.fragment
    if not is_whole or not _HOSTS.fullmatch(_hosts(url)):
        raise ValueError("signs such as / ? # @ in a password are written as %2F %3F %23 %40")
    return url


def shown_url(url: str) -> str:
    """A URL without its user, password and parameters."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{_hosts(url)}{parts.path}"


def _hosts(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
