"""`python -m llmring_server`: the llmring-server command."""

import sys

from llmring_server.cli import main

sys.exit(main())
