"""Who gets in: a bounded number of requests at once, none of which may send forever."""

from __future__ import annotations

import asyncio
import math
import time

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from terralex.app.service.metrics import Metrics


class Admission:
    """Refuses requests beyond a number (429, with Retry-After), and those that send too slowly (408).

    Args:
        app: What answers.
        most: Requests that are answered or wait at once.
        seconds: How long the body of a request may take to come.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, most: int, seconds: float, metrics: Metrics) -> None:
        self.app, self.most, self.seconds, self.metrics = app, most, seconds, metrics
        self._active = 0
        self._usual = 1.0  # seconds that a request takes, an exponential mean

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        if self._active >= self.most:
            self.metrics.count(scope, 429)
            later = max(1, math.ceil(self._usual))
            answer = JSONResponse(
                {"detail": f"{self.most} requests wait already: try again in {later} s"},
                status_code=429,
                headers={"Retry-After": str(later)},
            )
            await answer(scope, receive, send)
            return
        self._active += 1
        self.metrics.active.set(self._active)
        began = time.monotonic()
        try:
            await self._answer(scope, receive, send)
        finally:
            self._active -= 1
            self.metrics.active.set(self._active)
            self._usual += 0.1 * (time.monotonic() - began - self._usual)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        status = 500
        complete = late = False

        async def timed_receive() -> Message:
            nonlocal complete, late
            if complete:
                return await receive()
            try:
                left = self.seconds - (time.monotonic() - began)
                message = await asyncio.wait_for(receive(), max(left, 0.001))
            except TimeoutError:
                late = True
                raise _TooSlow from None
            complete = not message.get("more_body", False)
            return message

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if late:  # whoever read the body made another error of it
                    raise _TooSlow
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, timed_receive, watched_send)
        except _TooSlow:
            status = 408
            detail = f"the request did not arrive within {self.seconds:g} s"
            answer = JSONResponse({"detail": detail}, status_code=408, headers={"Connection": "close"})
            await answer(scope, receive, send)
        finally:
            self.metrics.count(scope, status, time.monotonic() - began)


class _TooSlow(Exception):
    pass
