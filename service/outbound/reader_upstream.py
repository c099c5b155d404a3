"""Catalogue reads: asked upstream, judged, and filtered to what a phone may see."""

from collections.abc import Mapping
from dataclasses import dataclass

import simplejson

from service.model.catalogue import Call, Catalogue
from service.model.errors import (
    BadUpstreamAnswer,
    GatewayError,
    UpstreamNotFound,
    UpstreamRefused,
    UpstreamUnavailable,
)
from service.ports import Reading, Reply, Upstream

_NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class UpstreamReader:
    """Read from Reloadly; a cache may be wrapped around this."""

    upstream: Upstream
    catalogue: Catalogue

    def read(self, call: Call) -> Reading:
        """
        Return the permitted part of the answer as compact JSON.

        Raises UpstreamNotFound for what Reloadly does not know, UpstreamRefused for what
        it cannot take, UpstreamUnavailable,
        UpstreamTimedOut, and BadUpstreamAnswer for what is not of the expected shape.
        """
        reply = self.upstream.send(call)
        if reply.status != 200:
            raise self._judge(reply)
        if not call.rule.answer.fits(reply.body, many=call.rule.many):
            raise BadUpstreamAnswer
        kept = call.rule.answer.filter(reply.body)
        return Reading(simplejson.dumps(kept, use_decimal=True, separators=(",", ":")).encode())

    def _judge(self, reply: Reply) -> GatewayError:
        """Reloadly's code decides before the status does: some refusals come with a 409 or a 5xx."""
        body = reply.body if isinstance(reply.body, Mapping) else {}
        code, message = str(body.get("errorCode") or ""), str(body.get("message") or "")
        listed = code in self.catalogue.not_found
        known = message.startswith(self.catalogue.not_found_messages)
        if listed or known or reply.status == 404:
            return UpstreamNotFound(
                code if listed else _NOT_FOUND, message[:300] if listed or known else None
            )
        if code in self.catalogue.refused:
            return UpstreamRefused(code, "The provider refused what was asked.")
        if reply.status == 429 or reply.status >= 500:
            return UpstreamUnavailable()
        return BadUpstreamAnswer()
