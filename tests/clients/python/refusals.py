"""What the client makes of everything that the service refuses, and of credentials that end."""
import json
import time
import urllib.parse
import urllib.request

from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.servicebus import ServiceBusMessage, TransportType
from azure.servicebus.exceptions import (
    MessagingEntityDisabledError, MessagingEntityNotFoundError, ServiceBusAuthenticationError,
    ServiceBusAuthorizationError, ServiceBusCommunicationError, ServiceBusError,
    ServiceBusQuotaExceededError, ServiceBusServerBusyError)

from keys import KEY, LISTEN_KEY, LISTEN_RULE, RULE, signature
from lab import refused
from world import nothing, one

UNAUTHORIZED = (ServiceBusAuthenticationError, ServiceBusAuthorizationError)


def round_trip(world, client, queue):
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(ServiceBusMessage("x"))
    with client.get_queue_receiver(queue) as receiver:
        receiver.complete_message(one(receiver))
    client.close()


class LabCredential:
    """A managed identity: the fake Azure's metadata endpoint."""

    def __init__(self, world):
        self.world = world

    def get_token(self, *scopes, **_):
        resource = urllib.parse.quote(scopes[0].removesuffix("/.default"))
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.world.lab.ports['azure']}/metadata/identity/oauth2/token"
            f"?api-version=2018-02-01&resource={resource}", headers={"Metadata": "true"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            told = json.load(answer)
        return AccessToken(told["access_token"], int(told["expires_on"]))


def credentials(world):
    def keys():
        """a shared access signature, a named key, a managed identity"""
        queue = world.queue()
        text = signature(f"sb://{world.address}/", 600)
        for credential in (AzureSasCredential(text), AzureNamedKeyCredential(RULE, KEY),
                           LabCredential(world)):
            round_trip(world, world.connect_with(credential), queue)

    def web_socket():
        """AMQP over WebSocket over TLS"""
        queue = world.queue()
        endpoint = f"sb://127.0.0.1:{world.lab.ports['primary']}"
        round_trip(world, world.connect(transport_type=TransportType.AmqpOverWebsocket,
                                        custom_endpoint_address=endpoint), queue)

    def wrong():
        """a wrong key, and a rule that may only listen"""
        queue = world.queue()
        other = world.connect(key="wrong")
        refused(UNAUTHORIZED, lambda: other.get_queue_sender(queue).__enter__())
        other.close()
        listener = world.connect(rule=LISTEN_RULE, key=LISTEN_KEY)
        refused(UNAUTHORIZED, lambda: listener.get_queue_sender(queue).__enter__())
        with listener.get_queue_receiver(queue) as receiver:
            nothing(receiver)
        listener.close()

    return [keys, web_socket, wrong]


def refusals(world):
    client, admin = world.client, world.admin

    def missing():
        """an entity that is not there"""
        for opened in (client.get_queue_sender("nowhere"), client.get_queue_receiver("nowhere"),
                       client.get_subscription_receiver("nowhere", "s")):
            # This version takes a detach for a broken connection, but tells its words.
            error = refused((MessagingEntityNotFoundError, ServiceBusCommunicationError),
                            opened.__enter__)
            assert "could not be found" in str(error), error

    def busy():
        """server busy"""
        queue = world.queue()
        fault = world.lab.fault(component="primary", kind="server_busy", entity=queue)
        refused(ServiceBusServerBusyError, lambda: world.send(queue, ServiceBusMessage("x")))
        world.lab.clear(fault)
        world.send(queue, ServiceBusMessage("x"))

    def full():
        """a queue that is full"""
        queue = world.queue(max_size_in_megabytes=1)
        message = ServiceBusMessage(b"\0" * 200 * 1024)
        with client.get_queue_sender(queue) as sender:
            refused(ServiceBusQuotaExceededError,
                    lambda: [sender.send_messages(message) for _ in range(12)])

    def large():
        """a message that is too large"""
        queue = world.queue()
        # The link is detached, which this client tells as an error that it does not know.
        refused(ServiceBusError,
                lambda: world.send(queue, ServiceBusMessage(b"\0" * 300 * 1024)))

    def disabled():
        """a disabled entity"""
        queue = world.queue()
        told = admin.get_queue(queue)
        told.status = "Disabled"
        admin.update_queue(told)
        refused(MessagingEntityDisabledError, lambda: world.send(queue, ServiceBusMessage("x")))

    return [missing, busy, full, large, disabled]
