"""From a date to a date."""

from datetime import UTC, datetime

import pytest

from llmring_core.errors import Unprocessable
from llmring_core.periods import ALWAYS, period, zone


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_without_dates_it_is_always():
    assert period(None, None) == ALWAYS


def test_dates_are_whole_days():
    assert period("2026-03-01", "2026-03-01") == (utc(2026, 3, 1), utc(2026, 3, 2))


@pytest.mark.parametrize("text", ["20260301", "2026-W09-7"])
def test_every_form_of_a_date_is_a_whole_day(text):
    assert period(text, text) == period("2026-03-01", "2026-03-01")


def test_for_ever_is_a_date():
    assert period(None, "9999-12-31", zone("Pacific/Kiritimati"))[1].year == 9999


def test_a_day_in_a_zone_follows_its_clock_changes():
    start, end = period("2026-03-29", "2026-03-29", zone("Europe/Madrid"))
    assert (end - start).total_seconds() == 23 * 3600


def test_a_time_is_inclusive():
    assert period(None, "2026-03-01T12:00:00Z")[1] == utc(2026, 3, 1, 12, 0, 0, 1)


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00+02:00", "2026-03-01T12:00:00 02:00"])
def test_an_offset_counts_also_where_its_plus_became_a_space(text):
    assert period(text, None)[0] == utc(2026, 3, 1, 10)


@pytest.mark.parametrize(
    "text",
    ["soon", "2026-13-01", "0000-01-01", "2026-03-01T25:00", "1", "٢٠٢٦-٠٣-٠١"],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(Unprocessable):
        period(None, text)


@pytest.mark.parametrize("name", ["", "Nowhere", "../etc/passwd", "/etc/localtime", "a\x00b"])
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(Unprocessable):
        zone(name)
