"""`schema.sql` is the picture that the migrations draw."""

from support.schema import PICTURE, drawn


async def test_the_picture_is_what_the_migrations_draw(database_url, request):
    picture = drawn(database_url)
    if request.config.getoption("--draw-schema"):
        PICTURE.write_text(picture)
    assert PICTURE.read_text() == picture, "run `make schema`"
