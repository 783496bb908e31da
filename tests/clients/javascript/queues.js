// Sending to queues and receiving from them: every way in which the client settles a message.
"use strict";
const assert = require("node:assert/strict");
const { eventually, sleep } = require("./steps");

const wait = { maxWaitTimeInMs: 3000 };
const short = { maxWaitTimeInMs: 300 };

async function one(receiver) {
  const messages = await receiver.receiveMessages(1, wait);
  assert.equal(messages.length, 1, "one message");
  return messages[0];
}

async function none(receiver) {
  const messages = await receiver.receiveMessages(1, short);
  assert.deepEqual(messages.map((message) => message.body), [], "no message");
}

async function sending(steps, world) {
  const { client } = world;
  await steps.step("send one message and receive it with all it says", async () => {
    const queue = await world.queue();
    const sent = {
      body: { deep: [1, "two", { three: null }] },
      messageId: "id-1",
      contentType: "application/json",
      correlationId: "c-1",
      subject: "subject",
      to: "to",
      replyTo: "reply",
      replyToSessionId: "rs",
      timeToLive: 60000,
      partitionKey: "pk",
      applicationProperties: { text: "x", number: 1.5, yes: true, at: new Date(1000), none: null },
    };
    await client.createSender(queue).sendMessages(sent);
    const receiver = client.createReceiver(queue);
    const message = await one(receiver);
    for (const field of ["messageId", "contentType", "correlationId", "subject", "to", "replyTo",
                         "replyToSessionId", "timeToLive", "partitionKey"]) {
      assert.deepEqual(message[field], sent[field], field);
    }
    assert.deepEqual(message.body, sent.body);
    assert.equal(message.applicationProperties.text, "x");
    assert.equal(message.applicationProperties.number, 1.5);
    assert.equal(message.applicationProperties.yes, true);
    assert.equal(Number(message.applicationProperties.at), 1000);
    assert.equal(message.deliveryCount, 0);
    assert.equal(message.state, "active");
    assert.ok(message.sequenceNumber.toNumber() > 0, "a sequence number");
    assert.equal(message.enqueuedSequenceNumber, message.sequenceNumber.toNumber());
    assert.ok(Math.abs(message.enqueuedTimeUtc - Date.now()) < 60000, "enqueued about now");
    assert.ok(message.lockedUntilUtc > message.enqueuedTimeUtc, "locked until later");
    assert.equal(message.expiresAtUtc - message.enqueuedTimeUtc, 60000);
    assert.match(message.lockToken, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    await receiver.completeMessage(message);
    await none(receiver);
  });
  await steps.step("a message without an id gets one from the broker", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages({ body: "x" });
    assert.ok((await one(client.createReceiver(queue))).messageId);
  });
  await steps.step("send an array as a batch", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages([{ body: "a" }, { body: "b" }, { body: "c" }]);
    const messages = await client.createReceiver(queue).receiveMessages(3, wait);
    assert.deepEqual(messages.map((message) => message.body), ["a", "b", "c"]);
  });
  await steps.step("send a batch that is filled until it is full", async () => {
    const queue = await world.queue();
    const sender = client.createSender(queue);
    const batch = await sender.createMessageBatch();
    assert.equal(batch.maxSizeInBytes, 256 * 1024);
    const body = Buffer.alloc(30000, 7);
    while (batch.tryAddMessage({ body, messageId: `m-${batch.count}` }));
    assert.equal(batch.count, 8);
    await sender.sendMessages(batch);
    const receiver = client.createReceiver(queue);
    const messages = [];
    while (messages.length < 8) messages.push(...(await receiver.receiveMessages(8, wait)));
    assert.deepEqual(messages.map((message) => message.messageId),
                     [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `m-${n}`));
    assert.ok(messages.every((message) => body.equals(message.body)), "bodies as sent");
  });
  await steps.step("schedule messages and cancel one", async () => {
    const queue = await world.queue();
    const sender = client.createSender(queue);
    const receiver = client.createReceiver(queue);
    const at = new Date(Date.now() + 1200);
    const numbers = await sender.scheduleMessages([{ body: "kept" }, { body: "gone" }], at);
    assert.equal(numbers.length, 2);
    const [peeked] = await receiver.peekMessages(1);
    assert.equal(peeked.state, "scheduled");
    await sender.cancelScheduledMessages(numbers[1]);
    await none(receiver);
    const message = await one(receiver);
    assert.equal(message.body, "kept");
    assert.ok(message.enqueuedTimeUtc >= at, "not before its time");
    await receiver.completeMessage(message);
    await none(receiver);
    await assert.rejects(sender.cancelScheduledMessages(numbers[1]));
  });
  await steps.step("a message that is scheduled by its own property", async () => {
    const queue = await world.queue();
    const scheduledEnqueueTimeUtc = new Date(Date.now() + 700);
    await client.createSender(queue).sendMessages({ body: "later", scheduledEnqueueTimeUtc });
    const receiver = client.createReceiver(queue);
    await none(receiver);
    assert.equal((await one(receiver)).body, "later");
  });
  await steps.step("a duplicate is accepted and dropped", async () => {
    const queue = await world.queue({ requiresDuplicateDetection: true });
    const sender = client.createSender(queue);
    await sender.sendMessages({ body: 1, messageId: "same" });
    await sender.sendMessages({ body: 2, messageId: "same" });
    await sender.sendMessages([{ body: 3, messageId: "same" }, { body: 4, messageId: "other" }]);
    const messages = await client.createReceiver(queue).receiveMessages(3, { maxWaitTimeInMs: 500 });
    assert.deepEqual(messages.map((message) => message.body), [1, 4]);
  });
  await steps.step("a message that is not received in its time to live is gone", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages({ body: "short", timeToLive: 300 });
    await sleep(500);
    await none(client.createReceiver(queue));
  });
  await steps.step("an expired message is dead-lettered where the queue says so", async () => {
    const queue = await world.queue({ deadLetteringOnMessageExpiration: true });
    await client.createSender(queue).sendMessages({ body: "short", timeToLive: 300 });
    const dead = client.createReceiver(queue, { subQueueType: "deadLetter" });
    assert.equal((await one(dead)).deadLetterReason, "TTLExpiredException");
  });
  await steps.step("messages are forwarded to another queue", async () => {
    const to = await world.queue();
    const from = await world.queue({ forwardTo: to });
    await client.createSender(from).sendMessages({ body: "on" });
    assert.equal((await one(client.createReceiver(to))).body, "on");
  });
}

async function receiving(steps, world) {
  const { client } = world;
  await steps.step("peek-lock: complete", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages({ body: "x" });
    const receiver = client.createReceiver(queue);
    const message = await one(receiver);
    await receiver.completeMessage(message);
    await assert.rejects(receiver.completeMessage(message));
    await none(receiver);
  });
  await steps.step("peek-lock: abandon with properties, until the dead-letter queue", async () => {
    const queue = await world.queue({ maxDeliveryCount: 2 });
    await client.createSender(queue).sendMessages({ body: "x" });
    const receiver = client.createReceiver(queue);
    await receiver.abandonMessage(await one(receiver), { tried: 1 });
    const again = await one(receiver);
    assert.equal(again.deliveryCount, 1);
    assert.equal(again.applicationProperties.tried, 1);
    await receiver.abandonMessage(again);
    await none(receiver);
    const dead = client.createReceiver(queue, { subQueueType: "deadLetter" });
    const message = await one(dead);
    assert.equal(message.deadLetterReason, "MaxDeliveryCountExceeded");
    await dead.completeMessage(message);
  });
  await steps.step("peek-lock: dead-letter with a reason and properties", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages({ body: "x" });
    const receiver = client.createReceiver(queue);
    await receiver.deadLetterMessage(await one(receiver), {
      deadLetterReason: "why", deadLetterErrorDescription: "how", extra: "more" });
    const dead = client.createReceiver(queue, { subQueueType: "deadLetter" });
    const [peeked] = await dead.peekMessages(1);
    assert.equal(peeked.body, "x");
    const message = await one(dead);
    assert.equal(message.deadLetterReason, "why");
    assert.equal(message.deadLetterErrorDescription, "how");
    assert.equal(message.applicationProperties.extra, "more");
    await dead.completeMessage(message);
    await none(dead);
  });
  await steps.step("dead letters are forwarded, and say where they come from", async () => {
    const to = await world.queue();
    const queue = await world.queue({ forwardDeadLetteredMessagesTo: to });
    await client.createSender(queue).sendMessages({ body: "x" });
    const receiver = client.createReceiver(queue);
    await receiver.deadLetterMessage(await one(receiver), { deadLetterReason: "why" });
    const message = await one(client.createReceiver(to));
    assert.equal(message.deadLetterSource, queue);
    assert.equal(message.deadLetterReason, "why");
  });
  await steps.step("peek-lock: defer, and receive by the sequence number", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages([{ body: "x" }, { body: "y" }]);
    const receiver = client.createReceiver(queue);
    const [x, y] = await receiver.receiveMessages(2, wait);
    await receiver.deferMessage(x, { later: true });
    await receiver.deferMessage(y);
    await none(receiver);
    assert.equal((await receiver.peekMessages(1))[0].state, "deferred");
    const numbers = [x.sequenceNumber, y.sequenceNumber];
    const [first, second] = await receiver.receiveDeferredMessages(numbers);
    assert.equal(first.body, "x");
    assert.equal(first.applicationProperties.later, true);
    await receiver.completeMessage(first);
    await receiver.abandonMessage(second);
    const [again] = await receiver.receiveDeferredMessages(y.sequenceNumber);
    await receiver.deadLetterMessage(again, { deadLetterReason: "deferred" });
    const dead = client.createReceiver(queue, { subQueueType: "deadLetter" });
    assert.equal((await one(dead)).deadLetterReason, "deferred");
    await assert.rejects(receiver.receiveDeferredMessages(x.sequenceNumber),
                         { code: "MessageNotFound" });
  });
  await steps.step("receive and delete", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages([{ body: 1 }, { body: 2 }]);
    const receiver = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
    const messages = await receiver.receiveMessages(5, { maxWaitTimeInMs: 1000 });
    assert.deepEqual(messages.map((message) => message.body), [1, 2]);
    assert.deepEqual(await receiver.peekMessages(5), []);
  });
  await steps.step("peek walks over all messages and takes none", async () => {
    const queue = await world.queue();
    const sent = [0, 1, 2, 3, 4].map((body) => ({ body }));
    await client.createSender(queue).sendMessages(sent);
    const receiver = client.createReceiver(queue);
    const first = await receiver.peekMessages(2);
    const next = await receiver.peekMessages(10);
    assert.deepEqual([...first, ...next].map((message) => message.body), [0, 1, 2, 3, 4]);
    assert.deepEqual(await receiver.peekMessages(10), []);
    const fromSequenceNumber = first[1].sequenceNumber;
    const from = await receiver.peekMessages(2, { fromSequenceNumber });
    assert.deepEqual(from.map((message) => message.body), [1, 2]);
    assert.equal((await receiver.receiveMessages(5, wait)).length, 5);
  });
  await steps.step("what was asked for and did not come is drained", async () => {
    const queue = await world.queue();
    const receiver = client.createReceiver(queue);
    assert.deepEqual(await receiver.receiveMessages(10, { maxWaitTimeInMs: 200 }), []);
    await client.createSender(queue).sendMessages({ body: "x" });
    // The credit of the first receive is gone: another receiver gets the message.
    const other = client.createReceiver(queue);
    assert.equal((await one(other)).body, "x");
    assert.equal(receiver.isClosed, false);
  });
  await steps.step("streaming: subscribe settles by itself, and ends", async () => {
    const queue = await world.queue();
    const receiver = client.createReceiver(queue);
    const bodies = [];
    const errors = [];
    const stream = receiver.subscribe({
      processMessage: async (message) => {
        if (message.body === 3 && message.deliveryCount === 0) throw new Error("once more");
        bodies.push(message.body);
      },
      processError: async (args) => errors.push(args.errorSource),
    });
    await client.createSender(queue).sendMessages([1, 2, 3, 4].map((body) => ({ body })));
    await eventually(() => bodies.length === 4);
    assert.deepEqual([...bodies].sort(), [1, 2, 3, 4]);
    assert.deepEqual(errors, ["processMessageCallback"]);
    await eventually(async () => (await world.counts(queue)).totalMessageCount === 0);
    await stream.close();
    await client.createSender(queue).sendMessages({ body: 5 });
    await sleep(200);
    assert.equal(bodies.length, 4);
  });
  await steps.step("streaming: an iterator", async () => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages([1, 2, 3].map((body) => ({ body })));
    const receiver = client.createReceiver(queue);
    const bodies = [];
    for await (const message of receiver.getMessageIterator()) {
      bodies.push(message.body);
      await receiver.completeMessage(message);
      if (bodies.length === 3) break;
    }
    assert.deepEqual(bodies, [1, 2, 3]);
  });
  await steps.step("two receivers share a queue", async () => {
    const queue = await world.queue();
    const [a, b] = [client.createReceiver(queue), client.createReceiver(queue)];
    const both = [a.receiveMessages(1, wait), b.receiveMessages(1, wait)];
    await client.createSender(queue).sendMessages([{ body: 1 }, { body: 2 }]);
    const bodies = (await Promise.all(both)).flat().map((message) => message.body);
    assert.deepEqual(bodies.sort(), [1, 2]);
  });
}

// In a lab whose time flies: a lock of 30 s is over in one.
async function locks(steps, world) {
  const { client } = world;
  await steps.step("renew a lock: it lasts beyond its time", async () => {
    const queue = await world.queue({ lockDuration: "PT30S" });
    await client.createSender(queue).sendMessages({ body: "x" });
    const receiver = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 });
    const message = await one(receiver);
    const first = message.lockedUntilUtc;
    for (let i = 0; i < 4; ++i) {
      await sleep(500);
      const until = await receiver.renewMessageLock(message);
      assert.ok(until > first, "a later end");
      assert.deepEqual(message.lockedUntilUtc, until);
    }
    await receiver.completeMessage(message);
    await none(receiver);
  });
  await steps.step("a lock that ran out is lost, and the message comes again", async () => {
    const queue = await world.queue({ lockDuration: "PT30S" });
    await client.createSender(queue).sendMessages({ body: "x" });
    const receiver = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 });
    const message = await one(receiver);
    await sleep(1300);
    await assert.rejects(receiver.completeMessage(message), { code: "MessageLockLost" });
    await assert.rejects(receiver.renewMessageLock(message), { code: "MessageLockLost" });
    const again = await one(receiver);
    assert.equal(again.deliveryCount, 1);
    assert.equal(again.sequenceNumber.compare(message.sequenceNumber), 0);
    await receiver.completeMessage(again);
  });
  await steps.step("a duplicate is a new message after the window", async () => {
    const queue = await world.queue({
      requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow: "PT20S" });
    const sender = client.createSender(queue);
    await sender.sendMessages({ body: 1, messageId: "same" });
    await sender.sendMessages({ body: 2, messageId: "same" });
    await sleep(1000);
    await sender.sendMessages({ body: 3, messageId: "same" });
    const messages = await client.createReceiver(queue).receiveMessages(3, { maxWaitTimeInMs: 400 });
    assert.deepEqual(messages.map((message) => message.body), [1, 3]);
  });
}

module.exports = { sending, receiving, locks, one, none };
