// Topics, subscriptions and the rules that choose between them.
"use strict";
const assert = require("node:assert/strict");
const { one, none } = require("./queues");

async function rules_of(manager) {
  const names = [];
  for await (const rule of manager.listRules()) names.push(rule);
  return names;
}

async function topics(steps, world) {
  const { client, admin } = world;
  await steps.step("each subscription gets its own copy", async () => {
    const topic = await world.topic(["a", "b"]);
    await client.createSender(topic).sendMessages([{ body: 1 }, { body: 2 }]);
    for (const name of ["a", "b"]) {
      const receiver = client.createReceiver(topic, name);
      const messages = await receiver.receiveMessages(2, { maxWaitTimeInMs: 2000 });
      assert.deepEqual(messages.map((message) => message.body), [1, 2]);
      for (const message of messages) await receiver.completeMessage(message);
      await none(receiver);
    }
  });
  await steps.step("rules: SQL and correlation filters choose, an action changes", async () => {
    const topic = await world.topic(["sql", "correlation"]);
    const sql = client.createRuleManager(topic, "sql");
    await sql.deleteRule("$Default");
    await sql.createRule("heavy", { sqlExpression: "weight > 10 AND sys.Label LIKE 'box%'" },
                         { sqlExpression: "SET class = 'heavy'" });
    const correlation = client.createRuleManager(topic, "correlation");
    await correlation.deleteRule("$Default");
    await correlation.createRule("red", { subject: "box-1", applicationProperties: { colour: "red" } });
    await client.createSender(topic).sendMessages([
      { body: 1, subject: "box-1", applicationProperties: { weight: 11, colour: "blue" } },
      { body: 2, subject: "box-1", applicationProperties: { weight: 9, colour: "red" } },
      { body: 3, subject: "bag", applicationProperties: { weight: 12, colour: "red" } }]);
    const heavy = client.createReceiver(topic, "sql");
    const message = await one(heavy);
    assert.equal(message.body, 1);
    assert.equal(message.applicationProperties.class, "heavy");
    await heavy.completeMessage(message);
    await none(heavy);
    const red = client.createReceiver(topic, "correlation");
    assert.equal((await one(red)).body, 2);
    const told = await rules_of(sql);
    assert.deepEqual(told.map((rule) => rule.name), ["heavy"]);
    assert.equal(told[0].filter.sqlExpression, "weight > 10 AND sys.Label LIKE 'box%'");
    assert.equal(told[0].action.sqlExpression, "SET class = 'heavy'");
    const [other] = await rules_of(correlation);
    assert.equal(other.filter.subject, "box-1");
    assert.equal(other.filter.applicationProperties.colour, "red");
    await assert.rejects(sql.createRule("heavy", { sqlExpression: "1=1" }),
                         { code: "MessagingEntityAlreadyExists" });
    await assert.rejects(sql.deleteRule("none"), { code: "MessagingEntityNotFound" });
  });
  await steps.step("a subscription has its own dead-letter queue", async () => {
    const topic = await world.topic(["s"]);
    await client.createSender(topic).sendMessages({ body: "x" });
    const receiver = client.createReceiver(topic, "s");
    await receiver.deadLetterMessage(await one(receiver), { deadLetterReason: "why" });
    const dead = client.createReceiver(topic, "s", { subQueueType: "deadLetter" });
    assert.equal((await one(dead)).deadLetterReason, "why");
  });
  await steps.step("a subscription with sessions", async () => {
    const topic = await world.topic([]);
    await admin.createSubscription(topic, "s", { requiresSession: true });
    await client.createSender(topic).sendMessages({ body: "x", sessionId: "1" });
    const receiver = await client.acceptNextSession(topic, "s");
    assert.equal(receiver.sessionId, "1");
    assert.equal((await one(receiver)).body, "x");
    await receiver.close();
  });
  await steps.step("messages to a topic can be scheduled, and a topic drops duplicates", async () => {
    const topic = await world.topic(["s"], { requiresDuplicateDetection: true });
    const sender = client.createSender(topic);
    const at = new Date(Date.now() + 400);
    await sender.scheduleMessages({ body: "later" }, at);
    await sender.sendMessages({ body: 1, messageId: "same" });
    await sender.sendMessages({ body: 2, messageId: "same" });
    const receiver = client.createReceiver(topic, "s");
    const bodies = [];
    for (let i = 0; i < 2; ++i) {
      const message = await one(receiver);
      bodies.push(message.body);
      await receiver.completeMessage(message);
    }
    assert.deepEqual(bodies, [1, "later"]);
    await none(receiver);
  });
}

module.exports = { topics };
