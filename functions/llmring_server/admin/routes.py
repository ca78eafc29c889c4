"""What HTTP sees of registered keys; for the operator, who has the token of the settings."""

import hmac
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, HTTPException, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from llmring_core.dependencies import Db
from llmring_core.errors import (
    AlreadyExists,
    NotConfigured,
    NotFound,
    NotTheOperator,
    Unprocessable,
    raises,
)
from llmring_core.pepper import pepper_of
from llmring_core.web import SettingsDep, group_router
from llmring_server.admin import managing
from llmring_server.admin.models import MadeKey, NewKey, RegisteredKey, Rotation, Successor
from llmring_server.admin.token import token_of

_bearer = HTTPBearer(scheme_name="AdminToken", auto_error=False, description="LLMRING_ADMIN_TOKEN.")


@raises(NotTheOperator, NotFound)
async def _operator(
    _token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """The operator, as `_check` has found; the parameter is for the documentation."""


async def _check(request: Request) -> None:
    token = token_of(request.app.state.settings)
    if token is None:
        raise HTTPException(404)  # as if there were no such path
    given = await _bearer(request)
    if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
        raise NotTheOperator


_operator.before_body = _check  # type: ignore[attr-defined]

router = group_router("admin", prefix="/api/v1/admin/keys")
router.dependencies.append(Depends(_operator))


@router.post("", status_code=201)
@raises(NotConfigured, AlreadyExists, Unprocessable)
async def create_key(new: NewKey, db: Db, settings: SettingsDep) -> MadeKey:
    """Make a key of a project. The answer is the only one that has it."""
    return await managing.create(db, pepper_of(settings), new)


@router.get("")
async def list_keys(
    db: Db,
    project: Annotated[str | None, Query(max_length=255)] = None,
    before: Annotated[UUID | None, Query(description="The last `key_id` of a page.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[RegisteredKey]:
    """The keys of all projects, newest first, also those that are over."""
    return await managing.page(db, project=project, before=before, limit=limit)


@router.post("/{key_id}/rotate", status_code=201)
@raises(NotConfigured, AlreadyExists)
async def rotate_key(
    key_id: UUID, db: Db, settings: SettingsDep, how: Rotation | None = None
) -> Successor:
    """Make a key in the place of another, which still opens for the hours of the overlap.

    A key is replaced once; then it is the key in its place that can be.
    """
    overlap = timedelta(hours=(how or Rotation()).overlap_hours)
    return await managing.rotate(db, pepper_of(settings), key_id, overlap)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: UUID, db: Db) -> None:
    """End a key: within ten seconds it opens nothing any more."""
    await managing.revoke(db, key_id)
