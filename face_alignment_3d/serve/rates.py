"""Rate limits."""

from collections import OrderedDict
from typing import Final

#: Addresses that are kept, the most recent ones.
_ADDRESSES: Final = 1000


class RateLimit:
    """A token bucket: ``rate`` events a second, in bursts of up to one second's worth, at least one."""

    def __init__(self, rate: float) -> None:
        self._rate, self._most = rate, max(rate, 1.0)
        self._left, self._time = self._most, 0.0
        self.refused = 0
        """Events refused since the last one that was allowed."""

    def allows(self, time: float) -> bool:
        """Counts an event at ``time`` (seconds, from any origin); False when it is one too many."""
        self._left = min(self._most, self._left + max(0.0, time - self._time) * self._rate)
        self._time = time
        if self._left < 1:
            self.refused += 1
            return False
        self._left -= 1
        self.refused = 0
        return True


class RateLimits:
    """A :class:`RateLimit` for each address, in memory that does not grow with their number."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._limits: OrderedDict[str, RateLimit] = OrderedDict()

    def allows(self, address: str, time: float) -> bool:
        """As of :meth:`RateLimit.allows`, for ``address``."""
        limit = self._limits.setdefault(address, RateLimit(self._rate))
        self._limits.move_to_end(address)
        if len(self._limits) > _ADDRESSES:
            self._limits.popitem(last=False)
        return limit.allows(time)
