"""What a project does with conversations, in its words."""


async def begun(project, root="/conversations", **members):
    response = await project.ask("POST", root, json=members)
    assert response.status_code == 200, response.text
    return response.json()


async def added(project, conversation, messages, root="/conversations", **members):
    path = f"{root}/{conversation['id']}/messages/batch"
    return await project.ask("POST", path, json={"messages": messages, **members})


async def messages_of(project, conversation, root="/conversations", **params):
    return await project.reads(f"{root}/{conversation['id']}/messages", **params)


def said(*texts, **members):
    return [{"role": "user", "content": text, **members} for text in texts]
