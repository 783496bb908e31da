"""One namespace of the lab, and what the steps need of it."""
import time

from azure.servicebus import ServiceBusClient
from azure.servicebus.management import ServiceBusAdministrationClient

from keys import KEY, RULE


class Client(ServiceBusClient):
    """Without the thread that keeps links alive: every close would wait a second for it."""

    def get_queue_sender(self, *names, **options):
        return super().get_queue_sender(*names, keep_alive=0, **options)

    def get_topic_sender(self, *names, **options):
        return super().get_topic_sender(*names, keep_alive=0, **options)

    def get_queue_receiver(self, *names, **options):
        return super().get_queue_receiver(*names, keep_alive=0, **options)

    def get_subscription_receiver(self, *names, **options):
        return super().get_subscription_receiver(*names, keep_alive=0, **options)


class World:
    def __init__(self, lab, address, authority, title):
        self.lab, self.address, self.authority, self.title = lab, address, authority, title
        self.management = f"127.0.0.1:{lab.ports['primary']}"
        self.client = self.connect()
        self.admin = self.administrate()
        self.made = 0

    def connect(self, rule=RULE, key=KEY, **options):
        string = f"Endpoint=sb://{self.address};SharedAccessKeyName={rule};SharedAccessKey={key}"
        return Client.from_connection_string(string, **self.options(options))

    def connect_with(self, credential, **options):
        return Client(self.address, credential, **self.options(options))

    def options(self, more):
        return {"connection_verify": self.authority, "retry_total": 0, **more}

    def administrate(self, rule=RULE, key=KEY):
        return ServiceBusAdministrationClient.from_connection_string(
            f"Endpoint=sb://{self.management};SharedAccessKeyName={rule};SharedAccessKey={key}",
            retry_total=0)

    def name(self):
        self.made += 1
        return f"py-{self.title}-{self.made}"

    def queue(self, **options):
        return self.admin.create_queue(self.name(), **options).name

    def topic(self, *subscriptions, **options):
        name = self.admin.create_topic(self.name(), **options).name
        for subscription in subscriptions:
            self.admin.create_subscription(name, subscription)
        return name

    def send(self, queue, *messages):
        with self.client.get_queue_sender(queue) as sender:
            sender.send_messages(list(messages) if len(messages) > 1 else messages[0])

    def publish(self, topic, *messages):
        with self.client.get_topic_sender(topic) as sender:
            sender.send_messages(list(messages) if len(messages) > 1 else messages[0])


def take(receiver, count=1, wait_s=3):
    """That many messages; receive_messages gives what is there, so it is asked until all are."""
    found = []
    end = time.monotonic() + wait_s
    while len(found) < count and time.monotonic() < end:
        found += receiver.receive_messages(max_message_count=count - len(found), max_wait_time=1)
    assert len(found) == count, f"{len(found)} messages, not {count}"
    return found


def one(receiver):
    return take(receiver)[0]


def nothing(receiver):
    found = receiver.receive_messages(max_message_count=1, max_wait_time=0.4)
    assert not found, f"a message: {found[0]}"
