"""Topics, subscriptions, and rules made by the administration client."""
import datetime

from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.management import CorrelationRuleFilter, SqlRuleAction, SqlRuleFilter

from queues import later
from world import nothing, one, take


def topics(world):
    client, admin = world.client, world.admin

    def copies():
        """each subscription gets its own copy"""
        topic = world.topic("a", "b")
        world.publish(topic, ServiceBusMessage("1"), ServiceBusMessage("2"))
        for name in ("a", "b"):
            with client.get_subscription_receiver(topic, name) as receiver:
                messages = take(receiver, 2)
                assert [str(message) for message in messages] == ["1", "2"]
                for message in messages:
                    receiver.complete_message(message)
                nothing(receiver)

    def rules():
        """rules: SQL and correlation filters choose, an action changes"""
        topic = world.topic("sql", "correlation")
        admin.create_rule(topic, "sql", "heavy", filter=SqlRuleFilter("weight > 10"),
                          action=SqlRuleAction("SET class = 'heavy'"))
        admin.create_rule(topic, "correlation", "red",
                          filter=CorrelationRuleFilter(label="box", properties={"colour": "red"}))
        for name in ("sql", "correlation"):
            admin.delete_rule(topic, name, "$Default")
        world.publish(
            topic,
            ServiceBusMessage("1", subject="box",
                              application_properties={"weight": 11, "colour": "blue"}),
            ServiceBusMessage("2", subject="box",
                              application_properties={"weight": 9, "colour": "red"}))
        with client.get_subscription_receiver(topic, "sql") as receiver:
            message = one(receiver)
            assert str(message) == "1"
            assert message.application_properties[b"class"] == b"heavy"
            nothing(receiver)
        with client.get_subscription_receiver(topic, "correlation") as receiver:
            assert str(one(receiver)) == "2"

    def dead_letters():
        """a subscription has its own dead-letter queue"""
        topic = world.topic("s")
        world.publish(topic, ServiceBusMessage("x"))
        with client.get_subscription_receiver(topic, "s") as receiver:
            receiver.dead_letter_message(one(receiver), reason="why")
        with client.get_subscription_receiver(
                topic, "s", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
            assert one(dead).dead_letter_reason == "why"

    def with_sessions():
        """a subscription with sessions"""
        topic = world.topic()
        admin.create_subscription(topic, "s", requires_session=True)
        world.publish(topic, ServiceBusMessage("x", session_id="1"))
        with client.get_subscription_receiver(topic, "s", session_id="1") as receiver:
            assert str(one(receiver)) == "x"

    def scheduled():
        """messages to a topic can be scheduled"""
        topic = world.topic("s")
        with client.get_topic_sender(topic) as sender:
            sender.schedule_messages(ServiceBusMessage("later"), later(0.5))
        with client.get_subscription_receiver(topic, "s") as receiver:
            assert str(one(receiver)) == "later"

    return [copies, rules, dead_letters, with_sessions, scheduled]
