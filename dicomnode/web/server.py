"""Serves the pages in a thread of this process, from before the node works until after."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from dicomnode.advice_settings import WebSettings
from dicomnode.errors import SettingsError
from dicomnode.web.application import Sources, application

log = logging.getLogger(__name__)

_GRACE_S = 2
_MOST_CONNECTIONS = 128


@contextmanager
def serving(settings: WebSettings, sources: Sources) -> Iterator[int]:
    """Serve while the context lasts; yields the port.

    Raises
    ------
    SettingsError
        When the address cannot be listened on.
    """
    try:
        listener = socket.create_server((settings.host, settings.port), reuse_port=False)
    except OSError as error:
        raise SettingsError(f"web: cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    server: uvicorn.Server | None = None

    def ending() -> bool:
        return server is not None and server.should_exit

    whole = Sources(board=sources.board, check=sources.check, metrics=sources.metrics, ending=ending)
    server = uvicorn.Server(
        uvicorn.Config(
            application(whole, settings.allowed_hosts),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web")
    with listener:
        thread.start()
        port = int(listener.getsockname()[1])
        log.info("web pages", extra={"address": settings.host, "port": port})
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join()
