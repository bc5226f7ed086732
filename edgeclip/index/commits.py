"""Group commit: what several threads write at the same time shares one commit.

A commit waits for the disk, so sixteen rows in one cost little more than one alone, in time and in
wear.  Nobody waits for company: the thread whose turn it is takes along what has gathered while the
one before it was waiting for the disk.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edgeclip.errors import EdgeclipError
from edgeclip.index.changes import Change, Outcome

MOST_ROWS = 64
"""More rows in one commit save nothing more, and a stop loses more work."""
MOST_SECONDS = 0.3
"""What was given longer ago is committed, for those who collect rows themselves."""


@dataclass(slots=True)
class _Ticket:
    changes: Sequence[Change]
    outcomes: list[Outcome] | None = None
    error: EdgeclipError | None = None
    withdrawn: bool = False
    """Its thread was interrupted and does not wait any more."""

    @property
    def done(self) -> bool:
        return self.withdrawn or self.outcomes is not None or self.error is not None


@dataclass(slots=True)
class Commits:
    """Turns of writing.  Safe to use from several threads."""

    write: Callable[[list[Change]], list[Outcome]]
    """Writes all of them or none; only called by one thread at a time."""
    turn: threading.RLock = field(default_factory=threading.RLock)
    """Held by whoever writes."""
    _waiting: deque[_Ticket] = field(default_factory=deque)

    def submit(self, changes: Sequence[Change]) -> list[Outcome]:
        """Write changes and return, when they are durable, what came of each.

        Raises:
            StoreError: they could not be written; none of them was.
        """
        ticket = _Ticket(changes)
        try:
            self._waiting.append(ticket)  # appending to a deque needs no lock
            with self.turn:
                while not ticket.done:
                    self._commit(self._gathered())
        finally:
            ticket.withdrawn = not ticket.done
        if ticket.error is not None:
            raise ticket.error
        assert ticket.outcomes is not None
        return ticket.outcomes

    def _gathered(self) -> list[_Ticket]:
        """Return the tickets of one commit, in the order in which they came.

        They stay in the queue until they are done: a thread may be interrupted anywhere, and the
        changes of the others are still to be written.
        """
        while self._waiting[0].done:
            self._waiting.popleft()
        taken: list[_Ticket] = []
        rows = 0
        for place in range(len(self._waiting)):
            ticket = self._waiting[place]
            rows += 0 if ticket.done else len(ticket.changes)
            if taken and rows > MOST_ROWS:
                break
            taken += [] if ticket.done else [ticket]
        return taken

    def _commit(self, tickets: list[_Ticket]) -> None:
        try:
            outcomes = self.write([change for ticket in tickets for change in ticket.changes])
        except EdgeclipError as error:
            if len(tickets) == 1:
                tickets[0].error = error
            else:  # what one of them asks too much must not cost the others theirs
                for ticket in tickets:
                    self._commit([ticket])
        else:
            for ticket in tickets:
                ticket.outcomes = outcomes[: len(ticket.changes)]
                outcomes = outcomes[len(ticket.changes) :]
