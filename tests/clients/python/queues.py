"""Sending to queues and receiving from them: every way in which the client settles a message."""
import datetime
import threading
import time

from azure.servicebus import (AutoLockRenewer, ServiceBusMessage, ServiceBusMessageState,
                              ServiceBusReceiveMode, ServiceBusSubQueue)
from azure.servicebus.exceptions import (MessageAlreadySettled, MessageLockLostError,
                                         MessageNotFoundError)

from lab import refused
from world import nothing, one, take

DEAD = ServiceBusSubQueue.DEAD_LETTER


def later(seconds):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def texts(messages):
    return [str(message) for message in messages]


def sending(world):
    client = world.client

    def round_trip():
        """send one message and receive it with all it says"""
        queue = world.queue()
        world.send(queue, ServiceBusMessage(
            "body", message_id="id-1", content_type="text/plain", correlation_id="c", subject="s",
            to="t", reply_to="r", reply_to_session_id="rs", partition_key="pk",
            time_to_live=datetime.timedelta(seconds=60),
            application_properties={"text": "x", "number": 5, "yes": True}))
        with client.get_queue_receiver(queue) as receiver:
            message = one(receiver)
            assert str(message) == "body"
            assert (message.message_id, message.content_type, message.correlation_id,
                    message.subject, message.to, message.reply_to, message.reply_to_session_id,
                    message.partition_key) == ("id-1", "text/plain", "c", "s", "t", "r", "rs", "pk")
            assert message.time_to_live == datetime.timedelta(seconds=60)
            assert message.application_properties == {b"text": b"x", b"number": 5, b"yes": True}
            assert message.delivery_count == 0
            assert message.state == ServiceBusMessageState.ACTIVE
            assert message.sequence_number > 0
            assert message.enqueued_sequence_number == message.sequence_number
            assert message.locked_until_utc > message.enqueued_time_utc
            receiver.complete_message(message)
            refused(MessageAlreadySettled, lambda: receiver.complete_message(message))
            nothing(receiver)

    def no_id():
        """a message without an id gets one from the broker"""
        queue = world.queue()
        world.send(queue, ServiceBusMessage("x", message_id=None))
        with client.get_queue_receiver(queue) as receiver:
            assert one(receiver).message_id

    def batches():
        """send a list, and a batch that is filled until it is full"""
        queue = world.queue()
        world.send(queue, ServiceBusMessage("a"), ServiceBusMessage("b"))
        with client.get_queue_sender(queue) as sender:
            batch = sender.create_message_batch()
            assert batch.max_size_in_bytes == 256 * 1024
            count = 0
            try:
                while True:
                    batch.add_message(ServiceBusMessage(b"\7" * 30000))
                    count += 1
            except ValueError:
                assert count == 8
            sender.send_messages(batch)
        with client.get_queue_receiver(queue) as receiver:
            messages = take(receiver, 10)
            assert texts(messages[:2]) == ["a", "b"]
            assert all(b"".join(message.body) == b"\7" * 30000 for message in messages[2:])

    def scheduled():
        """schedule messages and cancel one"""
        queue = world.queue()
        with client.get_queue_sender(queue) as sender, \
                client.get_queue_receiver(queue) as receiver:
            numbers = sender.schedule_messages(
                [ServiceBusMessage("kept"), ServiceBusMessage("gone")], later(1.2))
            assert receiver.peek_messages()[0].state == ServiceBusMessageState.SCHEDULED
            sender.cancel_scheduled_messages(numbers[1])
            nothing(receiver)
            message = one(receiver)
            assert str(message) == "kept"
            receiver.complete_message(message)
            nothing(receiver)

    def own_schedule():
        """a message that is scheduled by its own property"""
        queue = world.queue()
        world.send(queue, ServiceBusMessage("later", scheduled_enqueue_time_utc=later(2.5)))
        with client.get_queue_receiver(queue) as receiver:
            nothing(receiver)
            assert str(one(receiver)) == "later"

    def duplicates():
        """a duplicate is accepted and dropped"""
        queue = world.queue(requires_duplicate_detection=True)
        world.send(queue, ServiceBusMessage("1", message_id="same"))
        world.send(queue, ServiceBusMessage("2", message_id="same"))
        with client.get_queue_receiver(queue) as receiver:
            assert str(one(receiver)) == "1"
            nothing(receiver)

    return [round_trip, no_id, batches, scheduled, own_schedule, duplicates]


def receiving(world):
    client = world.client

    def abandon():
        """peek-lock: abandon, until the dead-letter queue"""
        queue = world.queue(max_delivery_count=2)
        world.send(queue, ServiceBusMessage("x"))
        with client.get_queue_receiver(queue) as receiver:
            receiver.abandon_message(one(receiver))
            message = one(receiver)
            assert message.delivery_count == 1
            receiver.abandon_message(message)
            nothing(receiver)
        with client.get_queue_receiver(queue, sub_queue=DEAD) as dead:
            message = one(dead)
            assert message.dead_letter_reason == "MaxDeliveryCountExceeded"
            dead.complete_message(message)

    def dead_letter():
        """peek-lock: dead-letter with a reason"""
        queue = world.queue()
        world.send(queue, ServiceBusMessage("x"))
        with client.get_queue_receiver(queue) as receiver:
            receiver.dead_letter_message(one(receiver), reason="why", error_description="how")
        with client.get_queue_receiver(queue, sub_queue=DEAD) as dead:
            assert texts(dead.peek_messages()) == ["x"]
            message = one(dead)
            assert message.dead_letter_reason == "why"
            assert message.dead_letter_error_description == "how"
            dead.complete_message(message)
            nothing(dead)

    def defer():
        """peek-lock: defer, and receive by the sequence number"""
        queue = world.queue()
        world.send(queue, ServiceBusMessage("x"), ServiceBusMessage("y"))
        with client.get_queue_receiver(queue) as receiver:
            messages = take(receiver, 2)
            numbers = [message.sequence_number for message in messages]
            for message in messages:
                receiver.defer_message(message)
            nothing(receiver)
            assert receiver.peek_messages()[0].state == ServiceBusMessageState.DEFERRED
            first, second = receiver.receive_deferred_messages(numbers)
            assert str(first) == "x"
            receiver.complete_message(first)
            receiver.dead_letter_message(second, reason="deferred")
            refused(MessageNotFoundError, lambda: receiver.receive_deferred_messages(numbers))

    def delete():
        """receive and delete"""
        queue = world.queue()
        world.send(queue, ServiceBusMessage("1"), ServiceBusMessage("2"))
        mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
        with client.get_queue_receiver(queue, receive_mode=mode) as receiver:
            assert texts(take(receiver, 2)) == ["1", "2"]
            assert receiver.peek_messages() == []

    def peek():
        """peek walks over all messages and takes none"""
        queue = world.queue()
        world.send(queue, *[ServiceBusMessage(str(number)) for number in range(5)])
        with client.get_queue_receiver(queue) as receiver:
            peeked = receiver.peek_messages(max_message_count=3)
            assert texts(peeked) == ["0", "1", "2"]
            number = peeked[2].sequence_number
            rest = receiver.peek_messages(max_message_count=9, sequence_number=number)
            assert texts(rest) == ["2", "3", "4"]
            assert len(take(receiver, 5)) == 5

    def iterate():
        """streaming: an iterator that ends when nothing comes"""
        queue = world.queue()
        world.send(queue, *[ServiceBusMessage(str(number)) for number in range(3)])
        with client.get_queue_receiver(queue, max_wait_time=1) as receiver:
            found = []
            for message in receiver:
                found.append(str(message))
                receiver.complete_message(message)
            assert found == ["0", "1", "2"]

    def waiting():
        """a message that comes while a receiver waits"""
        queue = world.queue()
        with client.get_queue_receiver(queue) as receiver:
            timer = threading.Timer(0.3, lambda: world.send(queue, ServiceBusMessage("x")))
            timer.start()
            assert str(one(receiver)) == "x"
            timer.join()

    return [abandon, dead_letter, defer, delete, peek, iterate, waiting]


def locks(world):
    """In a lab whose time flies: a lock of 30 s is over in one."""
    client = world.client

    def renew():
        """renew a lock: it lasts beyond its time"""
        queue = world.queue(lock_duration=datetime.timedelta(seconds=30))
        world.send(queue, ServiceBusMessage("x"))
        with client.get_queue_receiver(queue) as receiver:
            message = one(receiver)
            first = message.locked_until_utc
            for _ in range(4):
                time.sleep(0.5)
                assert receiver.renew_message_lock(message) > first
            receiver.complete_message(message)
            nothing(receiver)

    def lost():
        """a lock that ran out is lost, and the message comes again"""
        queue = world.queue(lock_duration=datetime.timedelta(seconds=30))
        world.send(queue, ServiceBusMessage("x"))
        with client.get_queue_receiver(queue) as receiver:
            message = one(receiver)
            time.sleep(1.3)
            refused(MessageLockLostError, lambda: receiver.renew_message_lock(message))
            # This client completes without waiting for the answer: it comes to nothing.
            receiver.complete_message(message)
            again = one(receiver)
            assert again.delivery_count == 1
            receiver.complete_message(again)

    return [renew, lost]


def renewer(world):
    client = world.client

    def by_itself():
        """the client's own renewer keeps a lock"""
        queue = world.queue(lock_duration=datetime.timedelta(seconds=5))
        world.send(queue, ServiceBusMessage("x"))
        with client.get_queue_receiver(queue) as receiver, AutoLockRenewer() as keeper:
            message = one(receiver)
            first = message.locked_until_utc
            keeper.register(receiver, message, max_lock_renewal_duration=60)
            time.sleep(5.5)
            assert message.locked_until_utc > first
            receiver.complete_message(message)

    return [by_itself]
