#!/usr/bin/python3
"""A client that we did not write against the lab's broker: python3-qpid-proton sends, receives,
is refused with a wrong password, and gets Service Bus's answer for an entity that is not there.

usage: foreign_client.py VOLTCANARY_LAB
"""
import json
import subprocess
import sys

from proton import ConnectionException, Message
from proton.utils import BlockingConnection, LinkDetached


def connect(port, login="", mechanisms="ANONYMOUS"):
    return BlockingConnection(f"amqp://{login}127.0.0.1:{port}", timeout=10,
                              allowed_mechs=mechanisms, allow_insecure_mechs=True)


def round_trip(port):
    connection = connect(port, "probe:secret@", "PLAIN")
    receiver = connection.create_receiver("canary-probe", credit=5)
    sender = connection.create_sender("canary-probe")
    for number in range(3):
        sender.send(Message(body=f"message {number}"))
    for number in range(3):
        message = receiver.receive(timeout=10)
        assert message.body == f"message {number}", message.body
        assert message.id, "the broker gives an id to a message without one"
        assert message.annotations["x-opt-sequence-number"] > 0
        receiver.accept()
    connection.close()


def refusals(port):
    try:
        connect(port, "probe:wrong@", "PLAIN")
        raise AssertionError("a wrong password was let in")
    except ConnectionException as error:
        print("wrong password:", error)
    connection = connect(port)
    try:
        connection.create_sender("nowhere")
        raise AssertionError("an unknown entity was attached")
    except LinkDetached as error:
        assert "amqp:not-found" in str(error.condition), error.condition
    connection.close()


def main():
    lab = subprocess.Popen([sys.argv[1], "run", "--chargers", "0", "--primary-plain",
                            "probe:secret"], stdout=subprocess.PIPE, text=True)
    try:
        ports = json.loads(lab.stdout.readline())
        round_trip(ports["primary"])
        refusals(ports["primary"])
    finally:
        lab.terminate()
    assert lab.wait(timeout=10) == 0, "the lab stops cleanly on SIGTERM"
    print("ok")


main()
