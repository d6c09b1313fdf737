"""The screens: they read runs from disk and show them in a browser.

Nothing is imported until a screen is asked for, so that the command line starts fast.
"""

from __future__ import annotations

from pathlib import Path

HOST = "127.0.0.1"
PORT = 8050


def serve(runs: Path | str, port: int = PORT, host: str = HOST) -> None:
    """Serve the runs in the folder `runs` on http://127.0.0.1:`port` until interrupted.

    Port 0 takes a free one; the address is printed.  Raises `ValueError` for any other host
    and `OSError` with a sentence that says so when the port is taken.
    """
    from dashboard.server import serve as start

    start(Path(runs), port, host)
