"""One stream or file: PCM in, Work out; Results in, Answers out. No asyncio, no I/O.

A session is a sequence of utterances; each is a stretch between two resets of the
recurrent state and has its own slot, front-end state and decoder. ``advance`` takes the
next audio of many sessions through front end, backend and decoder together. Live streams
and files both go through it, hence the same numbers.

``stream`` is the session itself, of which ``progress`` is the present utterance and ``totals``
the sums; ``answer`` is what it gives away, ``round`` what takes many sessions further at once.
``slots`` gives and takes the slot of a session on a backend. ``way`` is what a session asks of
its backend, and ``trail`` what another one needs to go on. A session belongs to one thread at
a time: ``claim`` tells to which, and ``late_end`` whether it ends behind its last audio; these
two alone have locks, and who may do what is said at the head of ``vau.lane``.
"""

from vau.session.answer import Answer as Answer
from vau.session.answer import Heard as Heard
from vau.session.answer import Observer as Observer
from vau.session.claim import Claim as Claim
from vau.session.claim import taken as taken
from vau.session.late_end import LateEnd as LateEnd
from vau.session.round import Push as Push
from vau.session.round import Round as Round
from vau.session.round import advance as advance
from vau.session.slots import close_session as close_session
from vau.session.slots import move_session as move_session
from vau.session.slots import open_session as open_session
from vau.session.slots import renew_slot as renew_slot
from vau.session.stream import Session as Session
from vau.session.totals import EMPTY_DIGEST as EMPTY_DIGEST
from vau.session.totals import Summary as Summary
from vau.session.trail import Trail as Trail
from vau.session.way import NOTHING_REPEATED as NOTHING_REPEATED
from vau.session.way import Repetition as Repetition
