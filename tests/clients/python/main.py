"""Microsoft's Python client of Service Bus (azure-servicebus over its own AMQP stack in C) against
the lab: one line a step. What waits for something to run out is done in a lab whose time flies. The
client knows port 5671 only, so each lab gets a loopback address of its own. The client mostly
sleeps, so the parts run at the same time, each in a process of its own.

usage: main.py VOLTCANARY_LAB FOLDER [PART OF A STEP'S NAME]; FOLDER is for certificates.
"""
import json
import logging
import os
import random
import subprocess
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

CLOCK = {
    "administration": [administration.administration],
    "sending": [queues.sending],
    "receiving": [queues.receiving],
    "sessions": [sessions.sessions],
    "topics": [topics.topics],
    "refusals": [refusals.credentials, refusals.refusals],
    "renewer": [queues.renewer],
}
LAPSED = {"locks": [queues.locks, sessions.session_locks]}


def start(binary, folder, lapsed):
    """A lab, and what a part needs to find it."""
    os.makedirs(folder, exist_ok=True)
    address = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"
    options = ["--machine-idle", "--tls-dir", folder, "--primary-amqps", address,
               "--primary-key", f"{RULE}:{KEY}",
               "--primary-key", f"{LISTEN_RULE}:{LISTEN_KEY}:Listen"]
    if lapsed:
        options += ["--time-lapse", f"30@{time.time():.9f}"]
    lab = Lab(binary, options)
    return lab, {"ports": lab.ports, "address": address,
                 "authority": os.path.join(folder, "ca.pem")}


def run_part(name, place, only):
    """In a process of its own; its exit code says whether all went well."""
    logging.getLogger("uamqp").setLevel(logging.CRITICAL)
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    os.environ["REQUESTS_CA_BUNDLE"] = place["authority"]
    steps = Steps("python", only)
    world = World(Lab.at(place["ports"]), place["address"], place["authority"], name)
    for part in {**CLOCK, **LAPSED}[name]:
        steps.all(part(world))
    print(f"python: {name}: {steps.passed} passed, {steps.failed} failed", flush=True)
    # A step that hangs has a thread of the client's that never ends.
    os._exit(0 if steps.failed == 0 else 1)


def main():
    binary, folder = sys.argv[1:3]
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    labs, processes = [], []
    for parts, lapsed in ((CLOCK, False), (LAPSED, True)):
        lab, place = start(binary, os.path.join(folder, "lapsed" if lapsed else "clock"), lapsed)
        labs.append(lab)
        processes += [subprocess.Popen([sys.executable, "-B", __file__, "--part", name,
                                        json.dumps(place), only]) for name in parts]
    codes = [process.wait() for process in processes]
    for lab in labs:
        lab.stop()
    sys.exit(0 if codes == [0] * len(codes) else 1)


if sys.argv[1] == "--part":
    run_part(sys.argv[2], json.loads(sys.argv[3]), sys.argv[4])
else:
    main()
