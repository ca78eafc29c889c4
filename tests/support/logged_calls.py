"""What the published client sends of a call that it logs with its conversation."""

LOG = "/conversations/log"


def a_logged_call(**metadata):
    """What the published client sends; name what matters of the metadata."""
    return {
        "messages": [
            {"role": "system", "content": "Be brief.", "tool_calls": None, "timestamp": None},
            {"role": "user", "content": [{"type": "text", "text": "Hello"}], "metadata": None},
        ],
        "response": {
            "content": "Hi",
            "model": "gpt-4.1",
            "finish_reason": "stop",
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        },
        "metadata": {
            "provider": "openai",
            "model": "gpt-4.1",
            "alias": "fast",
            "profile": "default",
            "origin": "llmring",
            "input_tokens": 1000,
            "output_tokens": 100,
            "cached_tokens": 0,
            **metadata,
        },
    }


def the_same_call(conversation_id, **members):
    """What the published client sends to `POST /log` right after."""
    return {
        "provider": "openai",
        "model": "gpt-4.1",
        "input_tokens": 1000,
        "output_tokens": 100,
        "cached_input_tokens": 0,
        "alias": "fast",
        "profile": "default",
        "origin": "llmring",
        "id_at_origin": conversation_id,
        "metadata": {
            "model_alias": "openai:gpt-4.1",
            "finish_reason": "stop",
            "conversation_id": conversation_id,
        },
        **members,
    }


async def logged(project, body=None, root="", **headers):
    response = await project.ask("POST", root + LOG, json=body or a_logged_call(), headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def conversation_of(project, answer):
    return await project.reads(f"/conversations/{answer['conversation_id']}")
