// Sessions: by name and the next one, their lock and their state.
"use strict";
const assert = require("node:assert/strict");
const { eventually, sleep } = require("./steps");
const { one, none } = require("./queues");

async function sessions(steps, world) {
  const { client } = world;
  const filled = async (options = {}) => {
    const queue = await world.queue({ requiresSession: true, ...options });
    await client.createSender(queue).sendMessages([
      { body: "a1", sessionId: "a" }, { body: "b1", sessionId: "b" },
      { body: "a2", sessionId: "a" }]);
    return queue;
  };
  await steps.step("accept a session by name: only its messages, in order", async () => {
    const queue = await filled();
    const receiver = await client.acceptSession(queue, "a");
    assert.equal(receiver.sessionId, "a");
    assert.ok(receiver.sessionLockedUntilUtc > new Date(), "locked");
    const messages = await receiver.receiveMessages(5, { maxWaitTimeInMs: 1000 });
    assert.deepEqual(messages.map((message) => message.body), ["a1", "a2"]);
    assert.ok(messages.every((message) => message.sessionId === "a"), "of the session");
    for (const message of messages) await receiver.completeMessage(message);
    await none(receiver);
    await receiver.close();
  });
  await steps.step("a session that is locked cannot be accepted twice", async () => {
    const queue = await filled();
    const receiver = await client.acceptSession(queue, "a");
    await assert.rejects(client.acceptSession(queue, "a"), { code: "SessionCannotBeLocked" });
    await receiver.close();
    const again = await client.acceptSession(queue, "a");
    await again.close();
  });
  await steps.step("accept the next session, until there is none", async () => {
    const queue = await filled();
    const first = await client.acceptNextSession(queue);
    const second = await client.acceptNextSession(queue);
    assert.deepEqual([first.sessionId, second.sessionId].sort(), ["a", "b"]);
    const timeoutInMs = 1500;
    const hasty = world.connect({ retryOptions: { timeoutInMs, maxRetries: 0 } });
    await assert.rejects(hasty.acceptNextSession(queue), { code: "ServiceTimeout" });
    await hasty.close();
  });
  await steps.step("a session that comes while one waits for the next", async () => {
    const queue = await world.queue({ requiresSession: true });
    const waiting = client.acceptNextSession(queue);
    await sleep(200);
    await client.createSender(queue).sendMessages({ body: "x", sessionId: "late" });
    const receiver = await waiting;
    assert.equal(receiver.sessionId, "late");
    assert.equal((await one(receiver)).body, "x");
  });
  await steps.step("set and get the state of a session", async () => {
    const queue = await filled();
    const receiver = await client.acceptSession(queue, "a");
    assert.equal(await receiver.getSessionState(), null);
    await receiver.setSessionState(Buffer.from("half way"));
    assert.equal(String(await receiver.getSessionState()), "half way");
    await receiver.close();
    const again = await client.acceptSession(queue, "a");
    assert.equal(String(await again.getSessionState()), "half way");
    await again.setSessionState(null);
    assert.equal(await again.getSessionState(), null);
    await again.close();
  });
  await steps.step("in a session: abandon, defer, dead-letter, peek", async () => {
    const queue = await filled();
    const receiver = await client.acceptSession(queue, "a");
    const peeked = await receiver.peekMessages(5);
    assert.deepEqual(peeked.map((message) => message.body), ["a1", "a2"]);
    await receiver.abandonMessage(await one(receiver));
    const first = await one(receiver);
    assert.equal(first.body, "a1");
    assert.equal(first.deliveryCount, 1);
    await receiver.deferMessage(first);
    await receiver.deadLetterMessage(await one(receiver), { deadLetterReason: "why" });
    const [deferred] = await receiver.receiveDeferredMessages(first.sequenceNumber);
    assert.equal(deferred.body, "a1");
    await receiver.completeMessage(deferred);
    const dead = client.createReceiver(queue, { subQueueType: "deadLetter" });
    assert.equal((await one(dead)).sessionId, "a");
    await receiver.close();
  });
  await steps.step("a session is streamed", async () => {
    const queue = await filled();
    const receiver = await client.acceptSession(queue, "a");
    const bodies = [];
    receiver.subscribe({
      processMessage: async (message) => { bodies.push(message.body); },
      processError: async (args) => { throw args.error; },
    });
    await eventually(() => bodies.length === 2);
    assert.deepEqual(bodies, ["a1", "a2"]);
    await receiver.close();
  });
  await steps.step("a queue with sessions wants a session id, and a receiver of one", async () => {
    const queue = await world.queue({ requiresSession: true });
    await assert.rejects(client.createSender(queue).sendMessages({ body: "x" }));
    const receiver = client.createReceiver(queue);
    await assert.rejects(receiver.receiveMessages(1, { maxWaitTimeInMs: 500 }));
    const plain = await world.queue();
    await assert.rejects(client.acceptSession(plain, "a"));
  });
}

// In a lab whose time flies.
async function session_locks(steps, world) {
  const { client } = world;
  await steps.step("renew a session's lock; without that it is lost", async () => {
    const queue = await world.queue({ requiresSession: true, lockDuration: "PT30S" });
    await client.createSender(queue).sendMessages({ body: "x", sessionId: "a" });
    const receiver =
      await client.acceptSession(queue, "a", { maxAutoLockRenewalDurationInMs: 0 });
    const message = await one(receiver);
    const first = receiver.sessionLockedUntilUtc;
    for (let i = 0; i < 3; ++i) {
      await sleep(500);
      assert.ok((await receiver.renewSessionLock()) > first, "a later end");
    }
    assert.ok(receiver.sessionLockedUntilUtc > first, "and it is told");
    await sleep(1300);
    await assert.rejects(receiver.completeMessage(message), { code: "SessionLockLost" });
    const again = await client.acceptSession(queue, "a");
    assert.equal((await one(again)).body, "x");
    await again.close();
  });
}

module.exports = { sessions, session_locks };
