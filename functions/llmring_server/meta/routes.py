"""What HTTP sees of the service itself."""

from fastapi import Response

from llmring_core import __version__, clock
from llmring_core.dependencies import Db
from llmring_core.web import SettingsDep, group_router
from llmring_server.meta.models import Health, Service

router = group_router("meta")

ENDPOINTS = {"health": "/health", "registry": "/registry", "api": "/api/v1"}
HEALTH_SECONDS = 2.0


@router.get("/")
async def get_service(settings: SettingsDep) -> Service:
    """Say what this is and where its parts are."""
    endpoints = ENDPOINTS | ({"docs": "/docs"} if settings.docs else {})
    return Service(version=__version__, timestamp=clock.rfc3339(clock.now()), endpoints=endpoints)


@router.get("/health", responses={503: {"model": Health}})
async def get_health(db: Db, response: Response) -> Health:
    """Say whether the database answers within two seconds; 503 if it does not."""
    is_well = await db.answers(within=HEALTH_SECONDS)
    response.status_code = 200 if is_well else 503
    response.headers["Cache-Control"] = "no-store"
    return Health(
        status="healthy" if is_well else "unhealthy",
        database="connected" if is_well else "disconnected",
        version=__version__,
        timestamp=clock.rfc3339(clock.now()),
    )
