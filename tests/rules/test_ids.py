"""UUIDv7 ids carry their time."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from llmring_core.ids import millisecond_of, new_id

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))


@given(MOMENTS)
def test_an_id_is_of_version_7_and_of_its_millisecond(moment):
    identifier = new_id(moment)
    start, end = millisecond_of(identifier)
    assert (identifier.version, identifier.variant) == (7, RFC_4122)
    assert start <= moment < end


@given(MOMENTS)
def test_ids_sort_by_time_to_the_microsecond(moment):
    assert new_id(moment) < new_id(moment + timedelta(microseconds=1))


def test_ids_of_one_moment_differ():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({new_id(moment) for _ in range(1000)}) == 1000


def test_any_uuid_has_a_millisecond_so_that_a_foreign_id_is_just_not_found():
    for identifier in (UUID(int=0), UUID(int=2**128 - 1), uuid4()):
        start, end = millisecond_of(identifier)
        assert end - start == timedelta(milliseconds=1)
