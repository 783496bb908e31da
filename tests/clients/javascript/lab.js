// Starts voltcanary-lab for a suite and talks to its control port. Stops with the suite.
"use strict";
const { spawn } = require("node:child_process");
const http = require("node:http");
const readline = require("node:readline");

class Lab {
  // `options` are further options of "voltcanary-lab run".
  static async start(binary, options) {
    const lab = new Lab();
    const given = ["run", "--chargers", "0", ...options];
    lab.process = spawn(binary, given, { stdio: ["ignore", "pipe", "inherit"] });
    process.once("exit", () => lab.process.kill("SIGKILL"));
    const lines = readline.createInterface({ input: lab.process.stdout });
    lab.ports = await new Promise((resolve, reject) => {
      lines.once("line", (line) => resolve(JSON.parse(line)));
      lab.process.once("exit", (code) => reject(new Error(`the lab ended with ${code}`)));
    });
    return lab;
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    const code = await ended;
    if (code !== 0) throw new Error(`the lab ended with ${code} on SIGTERM`);
  }

  // A request to the control port, or to another; the parsed answer.
  ask(method, path, body, { port = this.ports.control, headers = {} } = {}) {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = http.request({ host: "127.0.0.1", port, method, path, headers }, (response) => {
        let answer = "";
        response.setEncoding("utf8");
        response.on("data", (part) => (answer += part));
        response.on("end", () => {
          if (response.statusCode >= 300) {
            reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
          } else {
            resolve(answer === "" ? undefined : JSON.parse(answer));
          }
        });
      });
      request.once("error", reject);
      request.end(text);
    });
  }

  async fault(fault) {
    const { id } = await this.ask("POST", "/faults", fault);
    return { clear: () => this.ask("DELETE", `/faults/${id}`) };
  }
}

module.exports = { Lab };
