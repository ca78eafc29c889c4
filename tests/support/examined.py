"""What the tests of `llmring-server doctor` share."""

SECRETS_KEY = bytes(32)
REGISTERED = {"LLMRING_AUTH_MODE": "registered"}
