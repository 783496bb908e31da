// Starts a lab at the pace of the clock, one whose time flies, and for each the suite, with the
// lab's own authority among those it trusts (Node reads NODE_EXTRA_CA_CERTS when it begins, so the
// suite is a process of its own).
//
// usage: node main.js VOLTCANARY_LAB FOLDER [PART OF A STEP'S NAME]; FOLDER is for certificates.
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { Lab } = require("./lab");
const keys = require("./keys.json");

// A lab of its own, and the steps in it; whether all went well.
async function run(binary, folder, options, rest) {
  fs.mkdirSync(folder, { recursive: true });
  const lab = await Lab.start(binary, [
    "--machine-idle", "--tls-dir", folder,
    "--primary-key", `${keys.rule}:${keys.key}`,
    "--primary-key", `${keys.listen_rule}:${keys.listen_key}:Listen`, ...options]);
  const given = [path.join(__dirname, "suite.js"), JSON.stringify(lab.ports), ...rest];
  const authority = path.join(folder, "ca.pem");
  // Node warns of an address as the name of a TLS server; the client asks for that.
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority, NODE_NO_WARNINGS: "1" };
  const suite = spawn(process.execPath, given, { stdio: "inherit", env });
  const code = await new Promise((resolve) => suite.once("exit", resolve));
  await lab.stop();
  return code === 0;
}

// At the same time: most steps wait.
async function main() {
  const [binary, folder, ...rest] = process.argv.slice(2);
  const lapse = ["--time-lapse", `30@${(Date.now() / 1000).toFixed(9)}`];
  const went = await Promise.all([
    run(binary, path.join(folder, "clock"), [], rest),
    run(binary, path.join(folder, "lapsed"), lapse, rest)]);
  process.exit(went.every(Boolean) ? 0 : 1);
}

main().catch((error) => {
  console.log("FAIL javascript:", error);
  process.exit(1);
});
