"""Qpid Proton's Python binding against the lab: what Service Bus adds to AMQP 1.0, spoken by hand
(put-token, peek-lock, $management, sessions, drain), the ways to be let in, and when the service
ends a connection of its own accord.

usage: proton_main.py VOLTCANARY_LAB FOLDER [PART OF A STEP'S NAME]; FOLDER is for certificates.
"""
import os
import sys
import time
import urllib.request
import uuid

from proton import (Array, ConnectionException, Data, Delivery, Message, SSLDomain,
                    UNDESCRIBED, symbol)
from proton.reactor import Filter, LinkOption
from proton.utils import BlockingConnection, ConnectionClosed, LinkDetached

from lab import Lab, Steps, refused
from keys import KEY, LISTEN_KEY, LISTEN_RULE, RULE, signature


class Node:
    """Request and response with a node that makes no addresses of its own ($cbs, $management)."""

    def __init__(self, connection, address):
        self.connection, self.name = connection, f"answers-{uuid.uuid4()}"
        self.receiver = connection.create_receiver(address, name=self.name, credit=10)
        self.sender = connection.create_sender(address)

    def call(self, body, properties):
        request = Message(id=str(uuid.uuid4()), reply_to=self.name, body=body,
                          properties=properties)
        self.sender.send(request)
        reply = self.receiver.receive(timeout=5)
        self.receiver.accept()
        assert reply.correlation_id == request.id, reply.correlation_id
        return reply

    def close(self):
        self.sender.close()
        self.receiver.close()


class World:
    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.port = lab.ports["primary"]
        self.host = f"127.0.0.1:{self.port}"

    def connect(self, login="", mechanisms="ANONYMOUS", scheme="amqp", host="127.0.0.1", **options):
        return BlockingConnection(f"{scheme}://{login}{host}:{self.port}", timeout=5,
                                  allowed_mechs=mechanisms, allow_insecure_mechs=True, **options)

    def token(self, connection, entity, text=None, kind="servicebus.windows.net:sastoken"):
        """put-token for the entity; the reply's status and words."""
        audience = f"sb://{self.host}/{entity}"
        node = Node(connection, "$cbs")
        reply = node.call(text or signature(audience, 600),
                          {"operation": "put-token", "type": kind, "name": audience})
        node.close()
        return reply.properties["status-code"], reply.properties.get("status-description")

    def allowed(self, *entities, **options):
        connection = self.connect(**options)
        for entity in entities:
            status, words = self.token(connection, entity)
            assert status in (200, 202), (status, words)
        return connection

    def queue(self, name, inside=""):
        """Made over the management feed."""
        body = (f'<entry xmlns="http://www.w3.org/2005/Atom"><content><QueueDescription>{inside}'
                "</QueueDescription></content></entry>").encode()
        url = f"http://{self.host}/{name}"
        request = urllib.request.Request(url, data=body, method="PUT", headers={
            "Authorization": signature(url, 600)})
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 201
        return name


class SecondSettles(LinkOption):
    """Peek-lock as Service Bus has it: the receiver waits until its outcome is settled."""

    def apply(self, link):
        link.snd_settle_mode = 0
        link.rcv_settle_mode = 1


class Dynamic(LinkOption):
    def apply(self, link):
        link.target.dynamic = True


def ways_in(world):
    def plain_login():
        """PLAIN with a rule and its key, and with a wrong one"""
        connection = world.connect(f"{RULE}:key-of-the-lab%2B%2F%3D@", "PLAIN")
        sender = connection.create_sender("canary-probe")
        sender.send(Message("x"))
        receiver = connection.create_receiver("canary-probe", credit=1)
        assert receiver.receive(timeout=5).body == "x"
        receiver.accept()
        connection.close()
        refused(ConnectionException, lambda: world.connect(f"{RULE}:wrong@", "PLAIN"))

    def no_token():
        """without a token nothing is let in, and the wrong ones say why not"""
        connection = world.connect()
        error = refused(LinkDetached, lambda: connection.create_sender("canary-probe"))
        assert "amqp:unauthorized-access" in str(error.condition), error.condition
        for text in ("SharedAccessSignature nonsense", signature(f"sb://{world.host}/", -5),
                     signature(f"sb://{world.host}/elsewhere", 600)):
            status, words = world.token(connection, "canary-probe", text)
            assert status == 401, (status, words)
        connection.close()

    def token():
        """put-token, then a round trip; a rule that may only listen cannot send"""
        connection = world.allowed("canary-probe")
        connection.create_sender("canary-probe").send(Message("x"))
        receiver = connection.create_receiver("canary-probe", credit=1)
        assert receiver.receive(timeout=5).body == "x"
        receiver.accept()
        connection.close()
        connection = world.connect()
        listen = signature(f"sb://{world.host}/canary-probe", 600, LISTEN_RULE, LISTEN_KEY)
        assert world.token(connection, "canary-probe", listen)[0] in (200, 202)
        refused(LinkDetached, lambda: connection.create_sender("canary-probe"))
        connection.create_receiver("canary-probe", credit=1)
        connection.close()

    def tls():
        """TLS with the test's own authority, and refused without it"""
        domain = SSLDomain(SSLDomain.MODE_CLIENT)
        domain.set_trusted_ca_db(os.path.join(world.folder, "ca.pem"))
        domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME,
                                       os.path.join(world.folder, "ca.pem"))
        connection = world.allowed("canary-probe", scheme="amqps", host="localhost",
                                   ssl_domain=domain)
        connection.create_sender("canary-probe")
        connection.close()

    def untrusted():
        """TLS: an authority that is not trusted is refused"""
        domain = SSLDomain(SSLDomain.MODE_CLIENT)
        domain.set_trusted_ca_db("/etc/ssl/certs/ca-certificates.crt")
        domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME,
                                       "/etc/ssl/certs/ca-certificates.crt")
        refused(ConnectionException, lambda: world.connect(scheme="amqps", host="localhost",
                                                           ssl_domain=domain))

    return [plain_login, no_token, token, tls, untrusted]


def messages(world):
    def send(connection, queue, *bodies):
        sender = connection.create_sender(queue)
        for body in bodies:
            sender.send(Message(body))

    def peek_lock():
        """peek-lock: each outcome, settled by the broker"""
        queue = world.queue("proton-1", "<MaxDeliveryCount>5</MaxDeliveryCount>")
        connection = world.allowed(queue)
        send(connection, queue, "a")
        receiver = connection.create_receiver(queue, credit=1, options=SecondSettles())
        message = receiver.receive(timeout=5)
        assert message.annotations["x-opt-sequence-number"] > 0
        assert message.annotations["x-opt-locked-until"] > 0
        for outcome in (Delivery.RELEASED, Delivery.MODIFIED, Delivery.ACCEPTED):
            delivery = receiver.fetcher.unsettled[0]
            assert len(delivery.tag if isinstance(delivery.tag, bytes)
                       else delivery.tag.encode("latin-1", "surrogateescape")) >= 1
            if outcome == Delivery.MODIFIED:
                delivery.local.failed = True
            receiver.fetcher.unsettled.popleft()
            delivery.update(outcome)
            connection.wait(lambda: delivery.settled, timeout=5, msg="the broker settles")
            delivery.settle()
            if outcome != Delivery.ACCEPTED:
                assert receiver.receive(timeout=5).body == "a"
        connection.close()

    def drain():
        """credit that was not used is drained"""
        queue = world.queue("proton-2")
        connection = world.allowed(queue)
        receiver = connection.create_receiver(queue, credit=0)
        receiver.link.drain(10)
        connection.wait(lambda: receiver.link.credit == 0, timeout=5, msg="drained")
        connection.close()

    def management():
        """$management: peek, schedule, cancel, receive by sequence number"""
        queue = world.queue("proton-3")
        connection = world.allowed(queue, f"{queue}/$management")
        send(connection, queue, "a", "b")
        node = Node(connection, f"{queue}/$management")

        def call(operation, body):
            return node.call(body, {"operation": f"com.microsoft:{operation}"})

        reply = call("peek-message", {"from-sequence-number": 0, "message-count": 10})
        assert reply.properties["statusCode"] == 200, reply.properties
        found = []
        for each in reply.body["messages"]:
            peeked = Message()
            peeked.decode(bytes(each["message"]))
            found.append(peeked)
        assert [each.body for each in found] == ["a", "b"]
        reply = call("peek-message", {"from-sequence-number": found[1].annotations[
            "x-opt-sequence-number"] + 1, "message-count": 10})
        assert reply.properties["statusCode"] == 204, reply.properties
        reply = call("renew-lock", {"lock-tokens": Array(UNDESCRIBED, Data.UUID, uuid.uuid4())})
        assert reply.properties["statusCode"] == 410, reply.properties
        assert reply.properties["errorCondition"] == "com.microsoft:message-lock-lost"
        reply = call("no-such-thing", {})
        assert reply.properties["statusCode"] in (400, 404, 501), reply.properties
        connection.close()

    def sessions():
        """a session: the grant is told in the filter and the link's properties"""
        queue = world.queue("proton-4", "<RequiresSession>true</RequiresSession>")
        connection = world.allowed(queue)
        sender = connection.create_sender(queue)
        sender.send(Message("x", group_id="s-1"))
        receiver = connection.create_receiver(
            queue, credit=1, options=Filter({symbol("com.microsoft:session-filter"): None}))
        filters = receiver.link.remote_source.filter
        filters.rewind()
        filters.next()
        granted = filters.get_dict()
        assert granted[symbol("com.microsoft:session-filter")] == "s-1", granted
        assert receiver.link.remote_properties["com.microsoft:locked-until-utc"] > 6e17
        assert receiver.receive(timeout=5).body == "x"
        connection.close()

    def odd_links():
        """links that Service Bus does not have are refused"""
        connection = world.allowed("canary-probe")
        error = refused(LinkDetached, lambda: connection.create_sender("nowhere"))
        assert "amqp:" in str(error.condition)
        refused(LinkDetached, lambda: connection.create_sender(None, options=Dynamic()))
        connection.create_sender("canary-probe")
        connection.close()

    return [peek_lock, drain, management, sessions, odd_links]


def ends(world):
    """In a lab whose time flies: twenty seconds are 400 ms."""
    def silent(connection):
        while True:
            connection.wait(lambda: False, timeout=4, msg="nothing comes")

    def twenty_seconds():
        """a connection without a token is dropped after twenty seconds"""
        connection = world.connect()
        connection.create_sender("$cbs")  # so that it is not ended for having no link at all
        begun = time.monotonic()
        refused((ConnectionException, ConnectionClosed), lambda: silent(connection))
        assert 0.2 < time.monotonic() - begun < 3

    def no_links():
        """a connection without links is closed after a minute"""
        connection = world.connect(f"{RULE}:key-of-the-lab%2B%2F%3D@", "PLAIN")
        error = refused((ConnectionException, ConnectionClosed), lambda: silent(connection))
        assert "amqp:connection:forced" in str(error), error

    def expiry():
        """a token that runs out takes its entity's links, and no others"""
        # Dated by the lab's own time line, which is ahead of the clock here.
        ahead = world.lab.ask("GET", "/state")["now_ns"] / 1e9 - time.time()
        connection = world.connect()
        for entity, life in (("canary-probe", 60), ("canary-0", 36000)):
            text = signature(f"sb://{world.host}/{entity}", ahead + life)
            assert world.token(connection, entity, text)[0] in (200, 202)
        lost = connection.create_receiver("canary-probe", credit=1)
        kept = connection.create_receiver("canary-0", credit=1)
        error = refused(LinkDetached, lambda: silent(connection))
        assert "amqp:unauthorized-access" in str(error.condition), error.condition
        assert lost.link.state & lost.link.REMOTE_CLOSED
        assert not kept.link.state & kept.link.REMOTE_CLOSED
        connection.close()

    return [twenty_seconds, no_links, expiry]


def run(binary, folder, lapsed, steps):
    os.makedirs(folder, exist_ok=True)
    options = ["--machine-idle", "--tls-dir", folder, "--primary-key", f"{RULE}:{KEY}",
               "--primary-key", f"{LISTEN_RULE}:{LISTEN_KEY}:Listen"]
    if lapsed:
        options += ["--time-lapse", f"50@{time.time():.9f}"]
    lab = Lab(binary, options)
    world = World(lab, folder)
    for part in ([ends] if lapsed else [ways_in, messages]):
        steps.all(part(world))
    lab.stop()


def main():
    steps = Steps("proton", sys.argv[3] if len(sys.argv) > 3 else "")
    run(sys.argv[1], os.path.join(sys.argv[2], "clock"), False, steps)
    run(sys.argv[1], os.path.join(sys.argv[2], "lapsed"), True, steps)
    print(f"proton: {steps.passed} passed, {steps.failed} failed", flush=True)
    os._exit(0 if steps.failed == 0 and steps.passed > 0 else 1)


main()
