"""Microsoft's Python client of Service Bus (azure-servicebus over its own AMQP stack in C) against
the lab: one line a step, then the steps that wait for something to run out in a lab whose time
flies. The client knows port 5671 only, so the lab gets a loopback address of its own.

usage: main.py VOLTCANARY_LAB FOLDER [PART OF A STEP'S NAME]; FOLDER is for certificates.
"""
import logging
import os
import random
import sys
import time

import administration
import queues
import refusals
import sessions
import topics
from keys import KEY, LISTEN_KEY, LISTEN_RULE, RULE
from lab import Lab, Steps
from world import World


def parts(lapsed):
    if lapsed:
        return [queues.locks, sessions.session_locks]
    return [administration.administration, queues.sending, queues.receiving, sessions.sessions,
            topics.topics, refusals.credentials, refusals.refusals, queues.renewer]


def run(binary, folder, lapsed, steps):
    os.makedirs(folder, exist_ok=True)
    address = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"
    options = ["--machine-idle", "--tls-dir", folder, "--primary-amqps", address,
               "--primary-key", f"{RULE}:{KEY}",
               "--primary-key", f"{LISTEN_RULE}:{LISTEN_KEY}:Listen"]
    if lapsed:
        options += ["--time-lapse", f"30@{time.time():.9f}"]
    lab = Lab(binary, options)
    authority = os.path.join(folder, "ca.pem")
    os.environ["REQUESTS_CA_BUNDLE"] = authority
    world = World(lab, address, authority)
    for part in parts(lapsed):
        steps.all(part(world))
    world.client.close()
    lab.stop()


def main():
    logging.getLogger("uamqp").setLevel(logging.CRITICAL)
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    steps = Steps("python", sys.argv[3] if len(sys.argv) > 3 else "")
    run(sys.argv[1], os.path.join(sys.argv[2], "clock"), False, steps)
    run(sys.argv[1], os.path.join(sys.argv[2], "lapsed"), True, steps)
    print(f"python: {steps.passed} passed, {steps.failed} failed", flush=True)
    # A step that hangs has a thread of the client's that never ends.
    os._exit(0 if steps.failed == 0 and steps.passed > 0 else 1)


main()
