"""The border between the database driver's errors and ours."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from llmring_core.errors import AlreadyExists, Collided, StartRefused, Unavailable, Unprocessable

log = logging.getLogger("llmring.database")

# SQLSTATE classes 08, 28, 3D, 40, 53, 57, 58 and a database that is read-only: none is the fault
# of the request, and the same request may succeed later.
_LATER = (
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InterfaceError,
    # What asyncpg raises when it is used while the loss of its connection is still being told.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


# A value that is no value of its column, breaks a rule of its table, or is too large.
_UNFIT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)

# Two transactions were in each other's way. Not all of class 40: with 40003 it is unknown whether
# the commit took place.
_COLLISIONS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

# Where the database does answer, why it does not do this now; reads may well go on.
_WHY_NOT = {
    asyncpg.DiskFullError: "The database has no room to store this; try again later.",
    asyncpg.ReadOnlySQLTransactionError: "The database can only be read now; try again later.",
    asyncpg.InsufficientPrivilegeError: "The database's user may not do this; see the log.",
    asyncpg.TooManyConnectionsError: "The database takes no more connections; try again shortly.",
}

NOT_MIGRATED = "The database is not migrated to this version: run llmring-server db migrate."
# What is taken, by the name of the constraint.
_TAKEN = {"templates_name": "There is already a template of this name."}

# What a connection that died unseen answers when it is asked whether it lives.
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@contextmanager
def cancelled_as_such() -> Iterator[None]:
    """Let who is cancelled end as cancelled, however a dead connection fails to be cleared away.

    Otherwise a task that tries again when the database is away would outlive its cancellation.
    """
    try:
        yield
    except Exception as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises inside into our errors.

    Raises:
        AlreadyExists: a unique key is taken.
        Unprocessable: a value does not fit its column.
        Collided: the transaction was in the way of another one, and nothing of it is left.
        StartRefused: the URL of the database is none that the driver takes.
        Unavailable: the database is away, overloaded or read-only.
    """
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(_TAKEN.get(str(error.constraint_name))) from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        log.warning("the schema is not that of this version: %s", error)
        raise Unavailable(NOT_MIGRATED) from error
    except _UNFIT as error:
        log.warning("a value was refused by the database: %s", _without_values(error))
        raise Unprocessable("A value does not fit the column it is for.") from error
    except _COLLISIONS as error:
        log.info("a transaction was ended for another one: %s", error)
        raise Collided from error
    except asyncpg.ClientConfigurationError:
        # What the driver says of it may have a part of the URL in it.
        raise StartRefused(
            "LLMRING_DATABASE_URL has a parameter that does not exist, or one with a wrong value."
        ) from None
    except _LATER as error:
        if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
            raise Unprocessable("A value does not fit the column it is for.") from error
        log.warning("the database is unavailable: %s: %s", type(error).__name__, error)
        raise Unavailable(_WHY_NOT.get(type(error))) from error


def _without_values(error: Exception) -> str:
    """What is wrong where; the message itself quotes what was to be stored."""
    places = ("table_name", "column_name", "constraint_name")
    named = [str(name) for each in places if (name := getattr(error, each, None))]
    return " ".join([type(error).__name__, *named])
