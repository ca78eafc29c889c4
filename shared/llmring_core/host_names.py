"""Host names, and the patterns that settings allow them by."""


def matches(host: str, pattern: str) -> bool:
    """Whether a name is meant by a pattern: the name itself, or `*.example.org` for all below."""
    host, pattern = host.lower().rstrip("."), pattern.lower()
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return host == pattern
