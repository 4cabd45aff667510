"""An answer out of the mart: not at all where the client has it still, kept ones again, else made anew; with what caches go by."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from api import formats
from api.freshness import Freshness
from api.state import State

Made = tuple[bytes, dict[str, str]]


async def answer(
    request: Request, state: State, freshness: Freshness, form: formats.Format, make: Callable[[], Awaitable[Made]]
) -> Response:
    """`make` gives the body and headers of its own."""
    headers = {**freshness.headers(form.name, state.settings.reads_need_key), "vary": "Accept"}
    etag = freshness.etag(form.name)
    if etag is not None and _is_known(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    question = f"{form.name} {request.url.path}?{request.url.query}"
    made = state.kept.get(freshness.token, question)
    if made is None:
        made = await make()
        state.kept.keep(freshness.token, question, *made)
    body, own = made
    return Response(body, headers={**headers, **own, "content-type": form.header})


def _is_known(if_none_match: str | None, etag: str) -> bool:
    """Weak comparison, as RFC 9110 has it for GET."""
    if not if_none_match:
        return False
    return etag in (each.strip().removeprefix("W/") for each in if_none_match.split(","))
