"""What the OpenAPI document says is what the server does, whatever it is asked.

`make test-schema` asks more, and everything that follows from the document by itself.
"""

import pytest

FEW = {
    "open": ("--max-examples", "2", "--phases", "examples,stateful"),
    "registered": ("--max-examples", "2", "--phases", "fuzzing,stateful"),
}


@pytest.mark.parametrize("mode", ["open", "registered"])
async def test_the_server_does_what_its_openapi_document_says(schemathesis, mode, request):
    asked = request.config.getoption("schema_examples")
    options = ("--max-examples", str(asked)) if asked else FEW[mode]
    assert await schemathesis(*options, mode=mode) == ""
