"""Sessions: by name and the next one, their lock and their state."""
import datetime
import time

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.exceptions import (ServiceBusError, SessionCannotBeLockedError,
                                         SessionLockLostError)

from lab import refused
from world import nothing, one, take


def sessions(world):
    client = world.client

    def filled():
        queue = world.queue(requires_session=True)
        world.send(queue, *[ServiceBusMessage(body, session_id=body[0])
                            for body in ("a1", "b1", "a2")])
        return queue

    def by_name():
        """accept a session by name: only its messages, in order"""
        queue = filled()
        with client.get_queue_receiver(queue, session_id="a") as receiver:
            assert receiver.session.session_id == "a"
            assert receiver.session.locked_until_utc > datetime.datetime.now(datetime.timezone.utc)
            messages = take(receiver, 2)
            assert [str(message) for message in messages] == ["a1", "a2"]
            for message in messages:
                assert message.session_id == "a"
                receiver.complete_message(message)
            nothing(receiver)

    def locked():
        """a session that is locked cannot be accepted twice"""
        queue = filled()
        with client.get_queue_receiver(queue, session_id="a"):
            refused(SessionCannotBeLockedError,
                    lambda: client.get_queue_receiver(queue, session_id="a").__enter__())

    def next_one():
        """accept the next session, and the next"""
        queue = filled()
        found = []
        receivers = []
        for _ in range(2):
            receiver = client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION)
            receivers.append(receiver.__enter__())
            found.append(receiver.session.session_id)
        assert sorted(found) == ["a", "b"]
        for receiver in receivers:
            receiver.close()

    def state():
        """set and get the state of a session"""
        queue = filled()
        with client.get_queue_receiver(queue, session_id="a") as receiver:
            assert receiver.session.get_state() is None
            receiver.session.set_state("half way")
            assert receiver.session.get_state() == b"half way"
            receiver.session.set_state(None)
            assert receiver.session.get_state() is None

    def settle():
        """in a session: abandon, defer, dead-letter, peek"""
        queue = filled()
        with client.get_queue_receiver(queue, session_id="a") as receiver:
            peeked = receiver.peek_messages(max_message_count=5)
            assert [str(message) for message in peeked] == ["a1", "a2"]
            receiver.abandon_message(one(receiver))
            first = one(receiver)
            assert (str(first), first.delivery_count) == ("a1", 1)
            receiver.defer_message(first)
            receiver.dead_letter_message(one(receiver), reason="why")
            deferred = receiver.receive_deferred_messages(first.sequence_number)
            receiver.complete_message(deferred[0])

    def needed():
        """a queue with sessions wants a session id, and a receiver of one"""
        queue = world.queue(requires_session=True)
        refused(ServiceBusError, lambda: world.send(queue, ServiceBusMessage("x")))
        refused(ServiceBusError, lambda: client.get_queue_receiver(queue).__enter__())

    return [by_name, locked, next_one, state, settle, needed]


def session_locks(world):
    """In a lab whose time flies."""
    client = world.client

    def renew():
        """renew a session's lock; without that it is lost"""
        queue = world.queue(requires_session=True, lock_duration=datetime.timedelta(seconds=30))
        world.send(queue, ServiceBusMessage("x", session_id="a"))
        with client.get_queue_receiver(queue, session_id="a") as receiver:
            one(receiver)
            first = receiver.session.locked_until_utc
            for _ in range(3):
                time.sleep(0.5)
                assert receiver.session.renew_lock() > first
            time.sleep(1.3)
            refused(SessionLockLostError, receiver.session.renew_lock)
        with client.get_queue_receiver(queue, session_id="a") as receiver:
            assert str(one(receiver)) == "x"

    return [renew]
