"""What is answered where a server gave no answer, and may have done what it was asked."""

from llmring_core.errors import BadGateway


class Unanswered(BadGateway):
    """The server was asked, but gave no answer that can be used: it may have done it."""

    def __init__(self, why: str = "it gave no answer that can be used") -> None:
        self.why = why
        super().__init__(f"Whether the server did what it was asked, nobody can say: {why}.")
