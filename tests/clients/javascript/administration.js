// The administration client: entities listed, made, read, changed and removed.
"use strict";
const assert = require("node:assert/strict");
const { ServiceBusAdministrationClient } = require("@azure/service-bus");
const { one } = require("./queues");

async function all(pages) {
  const found = [];
  for await (const each of pages) found.push(each);
  return found;
}

async function administration(steps, world) {
  const { admin, client } = world;
  await steps.step("the namespace", async () => {
    const told = await admin.getNamespaceProperties();
    assert.equal(told.name, "primary");
    assert.ok(told.createdAt instanceof Date && !isNaN(told.createdAt), "a time");
  });
  await steps.step("a queue: create, get, update, exists, delete", async () => {
    const name = world.name();
    const options = {
      lockDuration: "PT45S", maxSizeInMegabytes: 2048, requiresDuplicateDetection: true,
      requiresSession: true, defaultMessageTimeToLive: "P2D", maxDeliveryCount: 7,
      deadLetteringOnMessageExpiration: true, duplicateDetectionHistoryTimeWindow: "PT3M",
      enableBatchedOperations: false, userMetadata: "<&> \"words\"" };
    assert.equal(await admin.queueExists(name), false);
    const made = await admin.createQueue(name, options);
    const told = await admin.getQueue(name);
    for (const [key, value] of Object.entries(options)) {
      assert.equal(made[key], value, key);
      assert.equal(told[key], value, key);
    }
    assert.equal(told.name, name);
    assert.equal(told.status, "Active");
    assert.equal(told.autoDeleteOnIdle, "P10675199DT2H48M5.4775807S");
    const code = "MessageEntityAlreadyExistsError";
    await assert.rejects(admin.createQueue(name), { code });
    const changed = await admin.updateQueue({ ...told, lockDuration: "PT1M30S", maxDeliveryCount: 3 });
    assert.equal(changed.lockDuration, "PT1M30S");
    assert.equal((await admin.getQueue(name)).maxDeliveryCount, 3);
    await assert.rejects(admin.updateQueue({ ...told, requiresSession: false }),
                         { statusCode: 400 });
    assert.equal(await admin.queueExists(name), true);
    await admin.deleteQueue(name);
    assert.equal(await admin.queueExists(name), false);
    await assert.rejects(admin.deleteQueue(name), { code: "MessageEntityNotFoundError" });
    await assert.rejects(admin.getQueue(name), { code: "MessageEntityNotFoundError" });
  });
  await steps.step("a queue's runtime properties", async () => {
    const queue = await world.queue();
    const sender = client.createSender(queue);
    await sender.sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }]);
    await sender.scheduleMessages({ body: 4 }, new Date(Date.now() + 3600000));
    const receiver = client.createReceiver(queue);
    await receiver.deadLetterMessage(await one(receiver));
    const told = await admin.getQueueRuntimeProperties(queue);
    assert.equal(told.activeMessageCount, 2);
    assert.equal(told.deadLetterMessageCount, 1);
    assert.equal(told.scheduledMessageCount, 1);
    assert.equal(told.transferMessageCount, 0);
    assert.equal(told.transferDeadLetterMessageCount, 0);
    assert.equal(told.totalMessageCount, 4);
    assert.ok(told.sizeInBytes > 0, "a size");
    for (const at of [told.createdAt, told.modifiedAt, told.accessedAt]) {
      assert.ok(!isNaN(at), "a time");
    }
  });
  await steps.step("lists of queues, page by page", async () => {
    for (let i = 0; i < 5; ++i) await world.queue();
    const whole = (await all(admin.listQueues())).map((queue) => queue.name);
    assert.ok(whole.length >= 5);
    const pages = [];
    for await (const page of admin.listQueues().byPage({ maxPageSize: 2 })) {
      assert.ok(page.length <= 2);
      pages.push(...page.map((queue) => queue.name));
    }
    assert.deepEqual(pages, whole);
    const counts = await all(admin.listQueuesRuntimeProperties());
    assert.deepEqual(counts.map((queue) => queue.name), whole);
  });
  await steps.step("a topic: create, get, update, runtime properties, list, delete", async () => {
    const name = world.name();
    const made = await admin.createTopic(name, { supportOrdering: true, userMetadata: "m" });
    assert.equal(made.supportOrdering, true);
    await admin.updateTopic({ ...made, defaultMessageTimeToLive: "PT1H" });
    assert.equal((await admin.getTopic(name)).defaultMessageTimeToLive, "PT1H");
    await admin.createSubscription(name, "s");
    const told = await admin.getTopicRuntimeProperties(name);
    assert.equal(told.subscriptionCount, 1);
    assert.equal(told.scheduledMessageCount, 0);
    assert.ok((await all(admin.listTopics())).some((topic) => topic.name === name));
    assert.ok((await all(admin.listTopicsRuntimeProperties())).some((topic) => topic.name === name));
    assert.equal(await admin.topicExists(name), true);
    await admin.deleteTopic(name);
    assert.equal(await admin.topicExists(name), false);
    assert.equal(await admin.subscriptionExists(name, "s"), false);
  });
  await steps.step("a subscription: create, get, update, runtime properties, list, delete", async () => {
    const topic = await world.topic([]);
    const made = await admin.createSubscription(topic, "s", {
      lockDuration: "PT2M", maxDeliveryCount: 4, deadLetteringOnMessageExpiration: true,
      defaultRuleOptions: { name: "first", filter: { sqlExpression: "x = 1" } } });
    assert.equal(made.topicName, topic);
    assert.equal(made.subscriptionName, "s");
    assert.equal(made.lockDuration, "PT2M");
    await admin.updateSubscription({ ...made, maxDeliveryCount: 6 });
    assert.equal((await admin.getSubscription(topic, "s")).maxDeliveryCount, 6);
    await client.createSender(topic).sendMessages([
      { body: 1, applicationProperties: { x: 1 } }, { body: 2, applicationProperties: { x: 2 } }]);
    const told = await admin.getSubscriptionRuntimeProperties(topic, "s");
    assert.equal(told.activeMessageCount, 1);
    assert.equal(told.totalMessageCount, 1);
    assert.deepEqual((await all(admin.listSubscriptions(topic))).map((s) => s.subscriptionName), ["s"]);
    assert.equal((await all(admin.listSubscriptionsRuntimeProperties(topic))).length, 1);
    assert.deepEqual((await all(admin.listRules(topic, "s"))).map((rule) => rule.name), ["first"]);
    assert.equal(await admin.subscriptionExists(topic, "s"), true);
    await admin.deleteSubscription(topic, "s");
    assert.equal(await admin.subscriptionExists(topic, "s"), false);
    await assert.rejects(admin.createSubscription("nowhere", "s"),
                         { code: "MessageEntityNotFoundError" });
  });
  await steps.step("a rule: create, get, update, list, delete", async () => {
    const topic = await world.topic(["s"]);
    const filter = {
      correlationId: "c", subject: "s", to: "t", replyTo: "r", sessionId: "i", messageId: "m",
      replyToSessionId: "rs", contentType: "ct",
      applicationProperties: { text: "<x>", number: 2.5, yes: false } };
    await admin.createRule(topic, "s", "r", filter, { sqlExpression: "SET a = 1" });
    const told = await admin.getRule(topic, "s", "r");
    assert.deepEqual({ ...told.filter }, filter);
    assert.equal(told.action.sqlExpression, "SET a = 1");
    const sql = { sqlExpression: "a = @two OR b = @x", sqlParameters: { "@two": 2, "@x": "x" } };
    await admin.updateRule(topic, "s", { ...told, filter: sql });
    assert.deepEqual({ ...(await admin.getRule(topic, "s", "r")).filter }, sql);
    const names = (await all(admin.listRules(topic, "s"))).map((rule) => rule.name);
    assert.deepEqual(names.sort(), ["$Default", "r"]);
    assert.equal(await admin.ruleExists(topic, "s", "r"), true);
    await admin.deleteRule(topic, "s", "r");
    assert.equal(await admin.ruleExists(topic, "s", "r"), false);
    await assert.rejects(admin.createRule(topic, "s", "bad", { sqlExpression: "a = = 1" }),
                         { statusCode: 400 });
  });
  await steps.step("a wrong key may manage nothing", async () => {
    const other = new ServiceBusAdministrationClient(world.string({ key: "wrong" }));
    await assert.rejects(other.getQueue("x"), { code: "UnauthorizedRequestError" });
    const listener = new ServiceBusAdministrationClient(
      world.string({ rule: world.listen_rule, key: world.listen_key }));
    await assert.rejects(listener.createQueue(world.name()), { code: "UnauthorizedRequestError" });
  });
  await steps.step("a throttled namespace tells counts of zero", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages({ body: 1 });
    const fault = await world.lab.fault({ component: "primary", kind: "counts_zero" });
    assert.equal((await admin.getQueueRuntimeProperties(queue)).activeMessageCount, 0);
    await fault.clear();
    assert.equal((await admin.getQueueRuntimeProperties(queue)).activeMessageCount, 1);
  });
  await steps.step("management that is down says 503, and slow is late", async () => {
    const retryOptions = { maxRetries: 0 };
    const other = new ServiceBusAdministrationClient(world.string(), { retryOptions });
    const down = await world.lab.fault({ component: "primary", kind: "management_down" });
    await assert.rejects(other.getQueue("canary-0"), { code: "ServerBusyError" });
    await down.clear();
    const slow = await world.lab.fault({
      component: "primary", kind: "mgmt_slow", delay_ms: 400, shape: "fixed" });
    const begun = performance.now();
    await other.getQueue("canary-0");
    assert.ok(performance.now() - begun >= 390, "late");
    await slow.clear();
  });
}

module.exports = { administration };
