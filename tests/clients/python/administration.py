"""The administration client: entities listed, made, read, changed and removed."""
import datetime

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.management import CorrelationRuleFilter, SqlRuleAction, SqlRuleFilter

from keys import LISTEN_KEY, LISTEN_RULE
from lab import refused
from queues import later
from world import one


def seconds(count):
    return datetime.timedelta(seconds=count)


def administration(world):
    admin, client = world.admin, world.client

    def namespace():
        """the namespace"""
        told = admin.get_namespace_properties()
        assert told.name == "primary", told.name
        assert told.created_at_utc

    def queue():
        """a queue: create, get, update, delete"""
        name = world.name()
        options = {
            "lock_duration": seconds(45), "max_size_in_megabytes": 2048,
            "requires_duplicate_detection": True, "requires_session": True,
            "default_message_time_to_live": seconds(172800), "max_delivery_count": 7,
            "dead_lettering_on_message_expiration": True, "user_metadata": "<&>",
            "duplicate_detection_history_time_window": seconds(180)}
        refused(ResourceNotFoundError, lambda: admin.get_queue(name))
        admin.create_queue(name, **options)
        told = admin.get_queue(name)
        for key, value in options.items():
            assert told[key] == value, key
        refused(ResourceExistsError, lambda: admin.create_queue(name))
        told.lock_duration = seconds(90)
        admin.update_queue(told)
        assert admin.get_queue(name).lock_duration == seconds(90)
        admin.delete_queue(name)
        refused(ResourceNotFoundError, lambda: admin.delete_queue(name))

    def runtime():
        """a queue's runtime properties"""
        name = world.queue()
        world.send(name, ServiceBusMessage("1"), ServiceBusMessage("2"), ServiceBusMessage("3"))
        with client.get_queue_sender(name) as sender:
            sender.schedule_messages(ServiceBusMessage("4"), later(3600))
        with client.get_queue_receiver(name) as receiver:
            receiver.dead_letter_message(one(receiver))
        told = admin.get_queue_runtime_properties(name)
        assert (told.active_message_count, told.dead_letter_message_count,
                told.scheduled_message_count, told.total_message_count) == (2, 1, 1, 4)
        assert told.size_in_bytes > 0
        assert told.created_at_utc and told.updated_at_utc and told.accessed_at_utc

    def lists():
        """lists of queues, page by page"""
        for _ in range(3):
            world.queue()
        whole = [told.name for told in admin.list_queues()]
        assert len(whole) >= 3
        assert [told.name for told in admin.list_queues(max_page_size=2)] == whole
        assert [told.name for told in admin.list_queues_runtime_properties()] == whole

    def topic():
        """a topic: create, get, update, runtime properties, list, delete"""
        name = world.topic("s", support_ordering=True)
        told = admin.get_topic(name)
        assert told.support_ordering
        told.default_message_time_to_live = seconds(3600)
        admin.update_topic(told)
        assert admin.get_topic(name).default_message_time_to_live == seconds(3600)
        assert admin.get_topic_runtime_properties(name).subscription_count == 1
        assert name in [each.name for each in admin.list_topics()]
        assert name in [each.name for each in admin.list_topics_runtime_properties()]
        admin.delete_topic(name)
        refused(ResourceNotFoundError, lambda: admin.get_topic(name))

    def subscription():
        """a subscription: create, get, update, runtime properties, list, delete"""
        name = world.topic()
        admin.create_subscription(name, "s", lock_duration=seconds(120), max_delivery_count=4)
        told = admin.get_subscription(name, "s")
        assert (told.lock_duration, told.max_delivery_count) == (seconds(120), 4)
        told.max_delivery_count = 6
        admin.update_subscription(name, told)
        assert admin.get_subscription(name, "s").max_delivery_count == 6
        world.publish(name, ServiceBusMessage("x"))
        counts = admin.get_subscription_runtime_properties(name, "s")
        assert (counts.active_message_count, counts.total_message_count) == (1, 1)
        assert [each.name for each in admin.list_subscriptions(name)] == ["s"]
        assert len(list(admin.list_subscriptions_runtime_properties(name))) == 1
        admin.delete_subscription(name, "s")
        refused(ResourceNotFoundError, lambda: admin.get_subscription(name, "s"))

    def rule():
        """a rule: create, get, update, list, delete"""
        name = world.topic("s")
        wanted = CorrelationRuleFilter(correlation_id="c", label="l", content_type="ct",
                                       properties={"text": "<x>", "number": 2, "yes": False})
        admin.create_rule(name, "s", "r", filter=wanted, action=SqlRuleAction("SET a = 1"))
        told = admin.get_rule(name, "s", "r")
        assert told.filter.correlation_id == "c"
        assert told.filter.properties == {"text": "<x>", "number": 2, "yes": False}
        assert told.action.sql_expression == "SET a = 1"
        told.filter = SqlRuleFilter("a = @two", parameters={"@two": 2})
        admin.update_rule(name, "s", told)
        again = admin.get_rule(name, "s", "r").filter
        assert (again.sql_expression, again.parameters) == ("a = @two", {"@two": 2})
        assert sorted(each.name for each in admin.list_rules(name, "s")) == ["$Default", "r"]
        admin.delete_rule(name, "s", "r")
        refused(ResourceNotFoundError, lambda: admin.get_rule(name, "s", "r"))

    def unauthorized():
        """a wrong key may manage nothing"""
        assert refused(HttpResponseError,
                       lambda: world.administrate(key="wrong").get_queue("x")).status_code == 401
        listener = world.administrate(rule=LISTEN_RULE, key=LISTEN_KEY)
        assert refused(HttpResponseError,
                       lambda: listener.create_queue("x")).status_code == 401

    return [namespace, queue, runtime, lists, topic, subscription, rule, unauthorized]
