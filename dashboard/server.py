"""The web server: waitress, on this machine only, never in debug mode."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

from waitress import create_server

from dashboard import HOST
from dashboard.app import create_app
from dashboard.theme import message

THREADS = 8


def local_only(application: Any, hosts: frozenset[str]) -> Any:
    """WSGI: answer only requests addressed to one of `hosts`.

    A page elsewhere that points its own name at 127.0.0.1 (DNS rebinding) gets 403.
    """

    def guard(environ: dict[str, Any], start_response: Any) -> Any:
        name = environ.get("HTTP_HOST", "").rsplit(":", 1)[0]
        if name in hosts:
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"windtunnel answers on 127.0.0.1 only\n"]

    return guard


def serve(runs: Path, port: int, host: str = HOST) -> None:
    """Serve `runs` on 127.0.0.1:`port` until interrupted; see `dashboard.serve`."""
    if host != HOST:
        raise ValueError(f"the dashboard has no password: it serves {HOST} only, not {host!r}")
    if not 0 <= port <= 65535:
        raise ValueError(f"port {port} is not between 0 and 65535")
    message("", "light")  # the first figure loads half of Plotly; not while a reader waits
    application = local_only(create_app(runs).server, frozenset({HOST, "localhost"}))
    try:
        server = create_server(application, host=host, port=port, threads=THREADS, ident=None)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise OSError(
            error.errno, f"port {port} on {host} is taken; choose another, or 0 for a free one"
        ) from None
    print(f"windtunnel dashboard: http://{host}:{server.effective_port}/", flush=True)
    print(f"runs in {runs.resolve()}; Ctrl-C stops", file=sys.stderr, flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
