"""An answer out of the mart: not at all where the client has it still, kept ones again, else made anew; with what caches go by."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from velib.api import encodings, formats
from velib.api.freshness import Freshness
from velib.api.state import State

Made = tuple[bytes, dict[str, str]]
_IS_CODED = ("json", "csv")


async def answer(
    request: Request, state: State, freshness: Freshness, form: formats.Format, make: Callable[[], Awaitable[Made]]
) -> Response:
    """`make` gives the body and headers of its own. What is kept is kept as it was sent: it is compressed once a build."""
    coding = encodings.wanted(request.headers.get("accept-encoding")) if form.name in _IS_CODED else None
    headers = {**freshness.headers(form.name, state.settings.reads_need_key), "vary": "Accept, Accept-Encoding"}
    etag = headers.get("etag")
    if etag is not None:
        # What is small goes out as it is, whatever coding was asked for: either is an answer that the client may have.
        tags = [etag, *([encodings.tagged(etag, coding)] if coding else [])]
        if known := _known(request.headers.get("if-none-match"), tags):
            return Response(status_code=304, headers={**headers, "etag": known})
    question = f"{form.name} {coding} {request.url.path}?{request.url.query}"
    made = state.kept.get(freshness.token, question)
    if made is None:
        made = await _coded(await make(), coding)
        state.kept.keep(freshness.token, question, *made)
    body, own = made
    if coding is not None and etag is not None and "content-encoding" in own:
        headers["etag"] = encodings.tagged(etag, coding)
    return Response(body, headers={**headers, **own, "content-type": form.header})


async def _coded(made: Made, coding: encodings.Name | None) -> Made:
    body, own = made
    if coding is None or len(body) < encodings.SMALLEST:
        return made
    return await encodings.compressed(coding, body), {**own, "content-encoding": coding}


def _known(if_none_match: str | None, etags: list[str]) -> str | None:
    """Which of them the client has. Weak comparison, as RFC 9110 has it for GET."""
    given = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return next((etag for etag in etags if etag in given), None)
