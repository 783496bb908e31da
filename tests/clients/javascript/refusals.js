// What the client makes of everything that the service refuses, and of credentials that end.
"use strict";
const assert = require("node:assert/strict");
const { createHmac } = require("node:crypto");
const { AzureSASCredential, AzureNamedKeyCredential } = require("@azure/core-auth");
const { ServiceBusClient } = require("@azure/service-bus");
const { eventually, sleep } = require("./steps");
const { one } = require("./queues");

const wait = { maxWaitTimeInMs: 2000 };

async function refusals(steps, world) {
  const { client, admin } = world;
  await steps.step("an entity that is not there: send, receive, peek, accept a session", async () => {
    const code = "MessagingEntityNotFound";
    await assert.rejects(client.createSender("nowhere").sendMessages({ body: 1 }), { code });
    await assert.rejects(client.createReceiver("nowhere").receiveMessages(1, wait), { code });
    await assert.rejects(client.createReceiver("nowhere").peekMessages(1), { code });
    // The client looks at the attach alone, which grants no session, before the detach comes.
    await assert.rejects(client.acceptSession("nowhere", "a"), { code: "SessionCannotBeLocked" });
  });
  await steps.step("a refusal names its TrackingId", async () => {
    const refused = client.createSender("nowhere").sendMessages({ body: 1 });
    await assert.rejects(refused, /TrackingId:\S+_G\d+.*, SystemTracker:.*, Timestamp:/);
  });
  await steps.step("a wrong key, a rule that is not there, a token for another entity", async () => {
    const code = "UnauthorizedAccess";
    for (const [rule, key] of [[world.rule, "wrong"], ["nobody", world.key]]) {
      const other = world.connect({}, { rule, key });
      await assert.rejects(other.createSender("refusals").sendMessages({ body: 1 }), { code });
      await other.close();
    }
    const queue = await world.queue();
    const signature = world.signature(`sb://${world.host}/elsewhere`, 600);
    const other = world.connect_with(new AzureSASCredential(signature));
    await assert.rejects(other.createSender(queue).sendMessages({ body: 1 }), { code });
    await other.close();
  });
  await steps.step("a shared access signature, and a named key", async () => {
    const queue = await world.queue();
    for (const credential of [new AzureSASCredential(world.signature(`sb://${world.host}/`, 600)),
                              new AzureNamedKeyCredential(world.rule, world.key)]) {
      const other = world.connect_with(credential);
      await other.createSender(queue).sendMessages({ body: "x" });
      const receiver = other.createReceiver(queue);
      await receiver.completeMessage(await one(receiver));
      await other.close();
    }
  });
  await steps.step("a connection string with a shared access signature", async () => {
    const queue = await world.queue();
    const signature = world.signature(`sb://${world.host}/`, 600);
    const other = new ServiceBusClient(
      `Endpoint=sb://${world.host};SharedAccessSignature=${signature}`);
    await other.createSender(queue).sendMessages({ body: "x" });
    await other.close();
  });
  await steps.step("a rule that may only listen cannot send", async () => {
    const queue = await world.queue();
    const other = world.connect({}, { rule: world.listen_rule, key: world.listen_key });
    await assert.rejects(other.createSender(queue).sendMessages({ body: 1 }),
                         { code: "UnauthorizedAccess" });
    assert.deepEqual(await other.createReceiver(queue).receiveMessages(1, { maxWaitTimeInMs: 200 }),
                     []);
    await other.close();
  });
  await steps.step("server busy: on send, on receive, on management", async () => {
    const queue = await world.queue();
    const fault = await world.lab.fault({ component: "primary", kind: "server_busy", entity: queue });
    const code = "ServiceBusy";
    await assert.rejects(client.createSender(queue).sendMessages({ body: 1 }),
                         { code, message: /Error code: 50009/ });
    await assert.rejects(client.createReceiver(queue).receiveMessages(1, wait), { code });
    await assert.rejects(client.createReceiver(queue).peekMessages(1), { code });
    await fault.clear();
    await client.createSender(queue).sendMessages({ body: 1 });
  });
  await steps.step("a queue that is full", async () => {
    const queue = await world.queue({ maxSizeInMegabytes: 1 });
    const sender = client.createSender(queue);
    const body = Buffer.alloc(200 * 1024);
    await assert.rejects(async () => {
      for (let i = 0; i < 12; ++i) await sender.sendMessages({ body });
    }, { code: "QuotaExceeded" });
  });
  await steps.step("a message that is too large", async () => {
    const queue = await world.queue();
    const sender = client.createSender(queue);
    const batch = await sender.createMessageBatch();
    const body = Buffer.alloc(300 * 1024);
    assert.equal(batch.tryAddMessage({ body }), false);
    // The link is detached, which this client notices by nothing but its own timeout.
    const other = world.connect({ retryOptions: { timeoutInMs: 1000, maxRetries: 0 } });
    await assert.rejects(other.createSender(queue).sendMessages({ body }));
    assert.deepEqual(await client.createReceiver(queue).peekMessages(1), []);
    await other.close();
  });
  await steps.step("a disabled entity", async () => {
    const queue = await world.queue();
    const properties = await admin.getQueue(queue);
    const code = "MessagingEntityDisabled";
    await admin.updateQueue({ ...properties, status: "SendDisabled" });
    await assert.rejects(client.createSender(queue).sendMessages({ body: 1 }), { code });
    await admin.updateQueue({ ...properties, status: "ReceiveDisabled" });
    await client.createSender(queue).sendMessages({ body: 1 });
    await assert.rejects(client.createReceiver(queue).receiveMessages(1, wait), { code });
    await admin.updateQueue({ ...properties, status: "Active" });
    assert.equal((await one(client.createReceiver(queue))).body, 1);
  });
  await steps.step("an entity is deleted under a receiver", async () => {
    const queue = await world.queue();
    const receiver = client.createReceiver(queue);
    const errors = [];
    receiver.subscribe({
      processMessage: async () => {},
      processError: async (args) => errors.push(args.error.code),
    });
    await sleep(200);
    await admin.deleteQueue(queue);
    await eventually(() => errors.includes("MessagingEntityNotFound"), 8000);
    await receiver.close();
  });
  await steps.step("a connection that is dropped: the client comes back by itself", async () => {
    const queue = await world.queue();
    const retryOptions = { retryDelayInMs: 100, maxRetries: 5, timeoutInMs: 2000 };
    const other = world.connect({ retryOptions });
    const receiver = other.createReceiver(queue);
    const sender = other.createSender(queue);
    const bodies = [];
    receiver.subscribe({
      processMessage: async (message) => { bodies.push(message.body); },
      processError: async () => {},
    });
    await sleep(300);
    for (const mode of ["rst", "forced"]) {
      await world.lab.fault({ component: "primary", kind: "drop", mode });
      await sleep(300);
      await sender.sendMessages({ body: mode });
      await eventually(() => bodies.includes(mode), 8000);
    }
    await other.close();
  });
}

// A credential of Entra: the fake Azure's token endpoint, in the two shapes that clients use.
class LabCredential {
  constructor(world) {
    this.world = world;
    this.asked = 0;
  }

  async getToken(scopes) {
    ++this.asked;
    const form = new URLSearchParams({
      grant_type: "client_credentials", client_id: "voltcanary", client_secret: "not-a-secret",
      scope: [scopes].flat()[0] });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const port = this.world.lab.ports.azure;
    const answer = await this.world.lab.ask("POST", "/lab/oauth2/v2.0/token", String(form),
                                            { port, headers });
    return { token: answer.access_token,
             expiresOnTimestamp: Date.now() + answer.expires_in * 1000 };
  }
}

async function tokens(steps, world) {
  await steps.step("a bearer token for put-token", async () => {
    const queue = await world.queue();
    const credential = new LabCredential(world);
    const other = world.connect_with(credential);
    await other.createSender(queue).sendMessages({ body: "x" });
    const receiver = other.createReceiver(queue);
    await receiver.completeMessage(await one(receiver));
    assert.ok(credential.asked > 0, "the credential was asked");
    await other.close();
  });
  await steps.step("a token of nobody is refused", async () => {
    const queue = await world.queue();
    const expiresOnTimestamp = Date.now() + 60000;
    const other = world.connect_with({ getToken: async () => ({ token: "a.b.c", expiresOnTimestamp }) });
    await assert.rejects(other.createSender(queue).sendMessages({ body: 1 }),
                         { code: "UnauthorizedAccess" });
    await other.close();
  });
}

// In a lab whose time flies: a token of one minute is over in two seconds.
async function token_end(steps, world) {
  await steps.step("a token that ends takes its links; with a new one the client goes on", async () => {
    const queue = await world.queue();
    const credential = new AzureSASCredential(world.signature(`sb://${world.host}/`, 45));
    const other = world.connect_with(credential, { retryOptions: { maxRetries: 0 } });
    const sender = other.createSender(queue);
    await sender.sendMessages({ body: 1 });
    await sleep(2000);
    await assert.rejects(sender.sendMessages({ body: 2 }), { code: "UnauthorizedAccess" });
    credential.update(world.signature(`sb://${world.host}/`, 36000));
    await sender.sendMessages({ body: 3 });
    await other.close();
  });
}

function signature(rule, key, audience, seconds) {
  const sr = encodeURIComponent(audience);
  const se = Math.round(Date.now() / 1000 + seconds);
  const sig = encodeURIComponent(createHmac("sha256", key).update(`${sr}\n${se}`).digest("base64"));
  return `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}&skn=${rule}`;
}

module.exports = { refusals, tokens, token_end, signature };
