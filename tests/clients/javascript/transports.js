// The ways to the namespace: plain TCP (the emulator's connection string), TLS, WebSocket over TLS.
"use strict";
const assert = require("node:assert/strict");
const WebSocket = require("ws");
const { ServiceBusClient, parseServiceBusConnectionString } = require("@azure/service-bus");
const { one } = require("./queues");

async function transports(steps, world) {
  const round_trip = async (client) => {
    const queue = await world.queue();
    await client.createSender(queue).sendMessages([{ body: "x" }, { body: "y" }]);
    const receiver = client.createReceiver(queue);
    const messages = await receiver.receiveMessages(2, { maxWaitTimeInMs: 3000 });
    assert.deepEqual(messages.map((message) => message.body), ["x", "y"]);
    for (const message of messages) await receiver.completeMessage(message);
    assert.deepEqual(await receiver.peekMessages(1), []);
    await client.close();
  };
  await steps.step("plain TCP, with the emulator's connection string", async () => {
    const string = world.string({ emulator: true });
    assert.equal(parseServiceBusConnectionString(string).fullyQualifiedNamespace, world.host);
    await round_trip(new ServiceBusClient(string));
  });
  await steps.step("TLS with the test's own authority", async () => {
    await round_trip(new ServiceBusClient(world.string()));
  });
  await steps.step("AMQP over WebSocket over TLS", async () => {
    await round_trip(new ServiceBusClient(world.string(), { webSocketOptions: { webSocket: WebSocket } }));
  });
  await steps.step("a certificate for another name is refused", async () => {
    const port = world.host.split(":")[1];
    const other = new ServiceBusClient(
      `Endpoint=sb://127.0.0.2:${port};SharedAccessKeyName=${world.rule};SharedAccessKey=${world.key}`,
      { retryOptions: { maxRetries: 0, timeoutInMs: 3000 } });
    await assert.rejects(other.createSender("canary-0").sendMessages({ body: 1 }));
    await other.close();
  });
  await steps.step("a message of 200 KB over each of them", async () => {
    const body = Buffer.alloc(200 * 1024, 9);
    for (const options of [{}, { webSocketOptions: { webSocket: WebSocket } }]) {
      const client = new ServiceBusClient(world.string(), options);
      const queue = await world.queue();
      await client.createSender(queue).sendMessages({ body });
      const message = await one(client.createReceiver(queue));
      assert.ok(body.equals(message.body), "the same bytes");
      await client.close();
    }
  });
}

module.exports = { transports };
