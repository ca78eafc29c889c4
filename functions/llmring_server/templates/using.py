"""A template is used: its blanks are filled in, and the use is counted."""

from uuid import UUID

from llmring_core.callers import Caller
from llmring_core.connection import Runner
from llmring_server.templates import store
from llmring_server.templates.models import Template, Use
from llmring_server.templates.render import rendered


async def use(runner: Runner, caller: Caller, template_id: UUID, how: Use) -> Template:
    """Count a use and return the template as it is to be used.

    The blanks are filled in first, so that a use that is refused is not counted.

    Raises:
        NotFound: the caller has no such template.
        Unprocessable: a blank has no value.
    """
    if how.variables is None:
        return await store.count_use(runner, caller, template_id)
    template = await store.find(runner, caller, template_id)
    prompt = rendered(template.system_prompt, how.variables)
    counted = await store.count_use(runner, caller, template_id)
    return counted.model_copy(update={"system_prompt": prompt})
