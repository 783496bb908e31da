// Microsoft's JavaScript client of Service Bus against a lab that runs already: one line a step.
//
// usage: node suite.js PORTS [PART OF A STEP'S NAME]; PORTS is the JSON that the lab printed. In a
// lab whose time flies, the steps are those that wait for something to run out.
"use strict";
globalThis.crypto ??= require("node:crypto").webcrypto;  // Node 18 has it under this name only
const {
  ServiceBusAdministrationClient, ServiceBusClient,
} = require("@azure/service-bus");
const { Lab } = require("./lab");
const { Steps } = require("./steps");
const { sending, receiving, locks } = require("./queues");
const { sessions, session_locks } = require("./sessions");
const { topics } = require("./topics");
const { refusals, tokens, token_end, signature } = require("./refusals");
const { administration } = require("./administration");
const { transports } = require("./transports");
const keys = require("./keys.json");

// One namespace, and what steps need of it.
class World {
  constructor(ports) {
    this.lab = Object.assign(new Lab(), { ports });
    this.host = `127.0.0.1:${ports.primary}`;
    Object.assign(this, keys);
    this.client = this.connect();
    this.admin = new ServiceBusAdministrationClient(this.string());
    this.made = 0;
  }

  string({ rule = this.rule, key = this.key, emulator = false } = {}) {
    return `Endpoint=sb://${this.host};SharedAccessKeyName=${rule};SharedAccessKey=${key}` +
      (emulator ? ";UseDevelopmentEmulator=true" : "");
  }

  connect(options = {}, { rule, key } = {}) {
    return new ServiceBusClient(this.string({ rule, key, emulator: true }),
                                { retryOptions: { maxRetries: 0 }, ...options });
  }

  connect_with(credential, options = {}) {
    return new ServiceBusClient(this.host, credential, { retryOptions: { maxRetries: 0 }, ...options });
  }

  signature(audience, seconds) {
    return signature(this.rule, this.key, audience, seconds);
  }

  name() {
    return `js-${++this.made}`;
  }

  async queue(options = {}) {
    return (await this.admin.createQueue(this.name(), options)).name;
  }

  async topic(subscriptions, options = {}) {
    const { name } = await this.admin.createTopic(this.name(), options);
    for (const subscription of subscriptions) await this.admin.createSubscription(name, subscription);
    return name;
  }

  counts(queue) {
    return this.admin.getQueueRuntimeProperties(queue);
  }
}

// A clock that goes as the lab's does, so that what the client signs is as good there as here.
function follow(lapse) {
  const [factor, origin] = lapse.split("@").map(Number);
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given) {
      super(...(given.length === 0 ? [Date.now()] : given));
    }
    static now() {
      return origin * 1000 + (Real.now() - origin * 1000) * factor;
    }
  };
}

async function main() {
  const ports = JSON.parse(process.argv[2]);
  const steps = new Steps("javascript", process.argv[3]);
  const flies = !ports.time_lapse.startsWith("1@");
  if (flies) follow(ports.time_lapse);
  const parts = flies
    ? [locks, session_locks, token_end]
    : [transports, administration, sending, receiving, sessions, topics, tokens, refusals];
  const world = new World(ports);
  for (const part of parts) await part(steps, world);
  await world.client.close();
  console.log(`javascript: ${steps.passed} passed, ${steps.failed} failed`);
  process.exit(steps.failed === 0 ? 0 : 1);
}

process.on("unhandledRejection", (error) => {
  console.log("FAIL javascript: a rejection that nobody handled:", error);
  process.exit(1);
});
main();
