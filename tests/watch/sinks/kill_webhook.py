"""A child process that tells a webhook of events until it is killed; each acknowledged one is said.

``python -m tests.watch.sinks.kill_webhook URL SPOOL FIRST``
"""

from __future__ import annotations

import sys

from edgeclip.watch.sinks import webhook
from tests.watch.sinks.some import event

if __name__ == "__main__":
    webhook._FIRST_WAIT_S = 0.02
    sink = webhook.Webhook(sys.argv[1], spool=sys.argv[2])
    for number in range(int(sys.argv[3]), 1_000_000):
        sink(event(number))
        print(number, flush=True)
