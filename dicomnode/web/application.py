"""The routes: the console page and its live board, acknowledgement, health, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from time import time
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dicomnode.advice import Board
from dicomnode.domain.advice import Advice, AdviceKind
from dicomnode.errors import DicomnodeError
from dicomnode.web.console import card

_HERE = Path(__file__).parent
_BEAT_S = 2.0
"""A page that hears nothing for longer than a few of these says that it is cut off."""
_MOST_CARDS = 24
_LARGEST_FORM = 4096
_HEADERS = {
    b"content-security-policy": b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the pages are made from."""

    board: Board
    check: Callable[[], None]
    """Raises when the node cannot do its work."""
    metrics: Callable[[], tuple[bytes, str]] | None = None
    """The metrics and their content type."""
    ending: Callable[[], bool] = lambda: False
    """Whether the server is about to end: then open streams end too."""


def application(sources: Sources, allowed_hosts: tuple[str, ...]) -> Starlette:
    """The whole site."""
    pages = _Pages(sources)
    return Starlette(
        routes=[
            Route("/", _to_console),
            Route("/console", pages.console),
            Route("/console/events", pages.events),
            Route("/console/acknowledge", pages.acknowledge, methods=["POST"]),
            Route("/health", pages.health),
            Route("/metrics", pages.metrics),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts)),
            Middleware(_SafeHeaders),
        ],
    )


class _Pages:
    """The answers."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        loader = FileSystemLoader(_HERE / "pages")
        self._templates = Environment(
            loader=loader, autoescape=select_autoescape(default=True), undefined=StrictUndefined
        )

    async def console(self, _: Request) -> Response:
        return HTMLResponse(self._render("console.html"))

    async def events(self, request: Request) -> Response:
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def acknowledge(self, request: Request) -> Response:
        if not _is_same_origin(request):
            return PlainTextResponse("an acknowledgement comes from the console page only", status_code=403)
        if int(request.headers.get("content-length") or _LARGEST_FORM + 1) > _LARGEST_FORM:
            return PlainTextResponse("the form is too large", status_code=413)
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
        found = self._advice(form.get("exam", ""))
        kind = {one.value: one for one in AdviceKind}.get(form.get("kind", ""))
        if found is None or kind is None:
            return PlainTextResponse("there is no such advice", status_code=404)
        try:
            done = await asyncio.to_thread(
                self._sources.board.acknowledge, found.study_instance_uid, kind, form.get("who", "")
            )
        except ValueError as error:
            return PlainTextResponse(str(error), status_code=422)
        if not done:
            return PlainTextResponse("it was acknowledged before, or has changed since: look again", status_code=409)
        return Response(status_code=204)

    async def health(self, _: Request) -> Response:
        try:
            await asyncio.to_thread(self._sources.check)
        except DicomnodeError as error:
            return JSONResponse({"status": "failing", "reason": type(error).__name__}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def metrics(self, _: Request) -> Response:
        if self._sources.metrics is None:
            return PlainTextResponse("there are no metrics", status_code=404)
        content, kind = await asyncio.to_thread(self._sources.metrics)
        return Response(content, media_type=kind)

    def _advice(self, exam: str) -> Advice | None:
        return next((one for one in self._sources.board.shown() if str(one.exam_id) == exam), None)

    def _render(self, page: str) -> str:
        cards = [card(one) for one in self._sources.board.shown()[:_MOST_CARDS]]
        return self._templates.get_template(page).render(
            cards=cards, now_ms=int(time() * 1000), in_force=self._sources.board.in_force
        )

    async def _stream(self, request: Request) -> AsyncIterator[str]:
        """The board at once, again at every change, and a beat in between, as server-sent events."""
        changed, loop = asyncio.Event(), asyncio.get_running_loop()
        end = self._sources.board.listen(lambda _: _wake(loop, changed))
        try:
            yield _event("board", self._render("board.html"))
            while not self._sources.ending() and not await request.is_disconnected():
                try:
                    await asyncio.wait_for(changed.wait(), _BEAT_S)
                except TimeoutError:
                    yield _event("beat", str(int(time() * 1000)))
                    continue
                changed.clear()
                yield _event("board", self._render("board.html"))
        finally:
            end()


def _wake(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(changed.set)


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"event: {name}\n{lines}\n"


def _is_same_origin(request: Request) -> bool:
    """Whether a page of ours asks: another site's page must not acknowledge in its visitor's name."""
    origin = request.headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc == request.headers.get("host")


async def _to_console(_: Request) -> Response:
    return RedirectResponse("/console")


class _SafeHeaders:
    """Adds to every answer what keeps browsers from doing more than the pages ask for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS.items()]}
            await send(message)

        await self._app(scope, receive, with_headers)
