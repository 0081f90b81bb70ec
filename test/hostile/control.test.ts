/** The control socket of a built daemon, and whoever gets at it or does not. */

import { chmod, mkdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { suiteFor } from "../support/privilege.ts";
import { Arena, reportOf } from "./support/arena.ts";

const OTHER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

suiteFor(["hosts"])("The control socket", () => {
  let arena: Arena;
  let socket: string;
  beforeAll(async () => {
    arena = await Arena.open();
    socket = path.join(arena.hosts.bert.home, "run", "control.sock");
    await arena.deliverFor(500);
  });
  afterAll(() => arena?.lan.close());

  it("is out of reach for another user of the machine, as are the key and what has arrived", async () => {
    const { bert } = arena.hosts;
    const open = [path.dirname(bert.home), bert.home];
    for (const directory of open) await chmod(directory, 0o755); // what stands around it is not what protects it
    try {
      const script = `
        require("net").connect(process.argv[1]).on("error", ({ code }) => console.log(code)).on("connect", () => console.log("in"));
        for (const path of process.argv.slice(2)) try { require("fs").readdirSync(path); console.log("in"); } catch ({ code }) { console.log(code); }`;
      const targets = [socket, path.dirname(socket), arena.bert.state, arena.bert.inbox];
      const command = [...OTHER, process.execPath, "-e", script, ...targets];
      const tried = await bert.run(command, { cwd: "/" });
      expect(tried).toMatchObject({ code: 0, stdout: "EACCES\n".repeat(4) });
    } finally {
      for (const directory of open) await chmod(directory, 0o700);
    }
  });

  it("is not put where another user could have prepared a place for it", async () => {
    const { bert } = arena.hosts;
    const place = path.join(bert.home, "prepared");
    await mkdir(place, { mode: 0o700 });
    expect(await bert.run(["chown", "65534", place])).toMatchObject({ code: 0 });
    const env = { LANXFER_SOCKET: path.join(place, "control.sock"), LANXFER_STATE_DIR: path.join(bert.home, "other") };
    const daemon = [process.execPath, path.resolve("dist/daemon/main.js")];
    const { code, stderr } = await bert.run(daemon, { env });
    expect(code).not.toBe(0);
    expect(stderr).toContain("it belongs to another user");
  });

  it("survives garbage, floods and clients that leave, and answers its user all the while", async () => {
    const parameters = { socket, count: 190, width: 100 };
    // The heap grows to what a hundred large requests at a time take; it must not grow further.
    await reportOf(await arena.attack("control", parameters, arena.hosts.bert));
    const answers: number[] = [];
    let over = false;
    const asking = (async () => {
      for (; !over; await sleep(200)) {
        const began = performance.now();
        expect(await arena.bert.control.call("get", "/v1/id", {})).toMatchObject({ name: "bert" });
        answers.push(performance.now() - began);
      }
    })();
    const siege = arena.withstand("the control socket", "control", parameters, arena.hosts.bert);
    const { report } = await siege.finally(() => {
      over = true;
    });
    await asking;
    expect(answers.length).toBeGreaterThan(3);
    expect(report.counts["refused"]).toBeGreaterThan(50);
    const status = await arena.bert.control.call("get", "/v1/status", {});
    expect(status).toMatchObject({ pairing: "closed", offers: 0, running: 0 });
    // Whoever leaves makes no error of ours.
    expect(arena.bert.daemon.stdout.split("\n").filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});
