"""The thread of a backend, and the line of those who wait for it.

While the backend computes, audio of many streams gathers; all of it is the next batch, or as
much as the backend takes at once, and then those go first who must be answered first. A
caller who hangs up does not stop the thread: its ``close`` queues behind whatever it left
running, and gives the slot back in order.

Who may touch what: the backend, this thread alone. A session, this thread from when it comes
to a job of it until that is answered, but while the backend is asked for something: then, and
while the job is still in line, the event loop may take the session away (``Claim``), and let
it go to another lane. Between two jobs the session is the event loop's.

``lane`` is the thread, ``jobs`` what it has to do and how that is answered, ``batching`` who
shares a round, ``times`` where the time of an answer went.
"""

from vau.lane.batching import Batching as Batching
from vau.lane.lane import Lane as Lane
from vau.lane.times import StageTimes as StageTimes
from vau.lane.times import Timed as Timed
