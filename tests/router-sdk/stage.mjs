// A simulator and a gateway in front of it, as processes of their own, on a temporary folder and free loopback ports.
import { spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 60_000;
export const MASTER_KEY = "master-0123456789abcdef0123456789abcdef";

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export class Stage {
  static async open() {
    const stage = new Stage();
    stage.processes = [];
    stage.folder = await mkdtemp(join(tmpdir(), "ovth-router-sdk-"));
    try {
      const simulator = `127.0.0.1:${await freePort()}`;
      stage.start("simulator", ["simulate", "--listen", simulator], {});
      await stage.until(`http://${simulator}/v1/models`, () => true);
      const listen = `127.0.0.1:${await freePort()}`;
      await writeFile(join(stage.folder, "config.yaml"), readFileSync(process.env.OVTH_CONFIG));
      stage.start("gateway", ["serve", "--config", "config.yaml"], {
        OVTH_LISTEN: listen,
        OVTH_METRICS_LISTEN: `127.0.0.1:${await freePort()}`,
        OVTH_ACCOUNT_CHECK: "never",
        OVTH_DATA_DIR: join(stage.folder, "data"),
        OVTH_MASTER_KEY: MASTER_KEY,
        OPENAI_API_KEY: "simulated-openai-key-0123456789",
        OPENAI_BASE_URL: `http://${simulator}/v1`,
        ANTHROPIC_API_KEY: "simulated-anthropic-key-0123456789",
        ANTHROPIC_BASE_URL: `http://${simulator}`,
        GOOGLE_API_KEY: "simulated-google-key-0123456789",
        GOOGLE_BASE_URL: `http://${simulator}`,
      });
      stage.origin = `http://${listen}`;
      stage.baseURL = `${stage.origin}/api/v1`;
      await stage.until(`${stage.origin}/readyz`, (response) => response.ok);
      stage.key = await stage.mint("router-sdk");
    } catch (error) {
      stage.showLogs();
      await stage.close();
      throw error;
    }
    return stage;
  }

  start(name, args, environment) {
    const log = openSync(join(this.folder, `${name}.log`), "w");
    const env = { PATH: process.env.PATH, ...environment };
    this.processes.push(spawn(process.env.OVTH_BIN, args, { cwd: this.folder, env, stdio: ["ignore", log, log] }));
  }

  async until(url, isReady) {
    const end = Date.now() + PATIENCE_MS;
    while (Date.now() < end) {
      if (this.processes.some((child) => child.exitCode !== null)) throw new Error("a process ended at its start");
      try {
        const response = await fetch(url);
        await response.arrayBuffer();
        if (isReady(response)) return;
      } catch {
        // Not yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${url} did not become ready`);
  }

  async mint(label) {
    const response = await fetch(`${this.origin}/admin/keys`, {
      method: "POST",
      headers: { authorization: `Bearer ${MASTER_KEY}` },
      body: JSON.stringify({ label }),
    });
    if (response.status !== 201) throw new Error(`no key: ${await response.text()}`);
    return (await response.json()).key;
  }

  showLogs() {
    for (const name of ["simulator", "gateway"]) {
      try {
        console.error(`--- ${name} ---\n${readFileSync(join(this.folder, `${name}.log`), "utf8")}`);
      } catch {
        // It never began.
      }
    }
  }

  async close() {
    const ended = this.processes.map((child) => new Promise((resolve) => (child.exitCode === null ? child.on("exit", resolve) : resolve())));
    this.processes.forEach((child) => child.kill());
    await Promise.all(ended);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Asks again while the answer is that there is none yet: the ledger has an exchange a moment after its answer. */
export async function eventually(ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const status = error.statusCode ?? error.status;
      if (status !== 404 || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export const PROMPT = "Repeat after me: a river in Bohemia.";

/** The shapes of providers behind the gateway, each by one of its models. */
export const MODELS = ["openai/gpt-4o", "anthropic/claude-sonnet-4.5", "google/gemini-3.5-flash"];
