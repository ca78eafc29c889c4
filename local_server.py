"""Every group in one process: `python local_server.py`, or `uvicorn local_server:app`."""

import sys

from llmring_server import create_app
from llmring_server.cli import main

app = create_app()

if __name__ == "__main__":
    sys.exit(main())
