// Steps of a suite: one line each, and whether all went well. A step has a time limit, so a client
// that waits for ever is a failure like any other.
"use strict";

const limit_ms = 20000;

class Steps {
  constructor(title, only) {
    this.title = title;
    this.only = only;
    this.failed = 0;
    this.passed = 0;
  }

  async step(name, run) {
    if (this.only && !name.includes(this.only)) return;
    const begun = performance.now();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing after ${limit_ms} ms`)), limit_ms);
    });
    try {
      await Promise.race([run(), late]);
      ++this.passed;
      const took = Math.round(performance.now() - begun);
      console.log(`ok   ${this.title}: ${name} (${took} ms)`);
    } catch (error) {
      ++this.failed;
      console.log(`FAIL ${this.title}: ${name}: ${error && error.stack ? error.stack : error}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks until it is so.
async function eventually(ask, patience_ms = 5000) {
  const end = Date.now() + patience_ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`not so after ${patience_ms} ms: ${ask}`);
    await sleep(20);
  }
}

module.exports = { Steps, eventually, sleep };
