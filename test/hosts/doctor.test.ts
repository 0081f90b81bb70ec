/** What the doctor says on real hosts: a healthy one, one that drops multicast, one whose port is closed. */

import { afterAll, beforeAll, expect, it } from "vitest";
import type { FindingView } from "../../src/control/schema.ts";
import type { Device } from "../support/device.ts";
import type { Host } from "../support/hosts.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { openPairedTrio, type Trio } from "../support/trio.ts";

const CHECKS = [
  ...["version", "node", "descriptors", "clock", "sandbox", "settings", "key", "control socket", "inbox"],
  ...["service", "port", "mdns", "firewall", "interfaces", "multicast", "peers", "devices"],
];

const filter = (...rules: string[]) =>
  `table inet doctor {\n  chain input {\n    type filter hook input priority 0; policy accept;\n${rules.map((rule) => `    ${rule}\n`).join("")}  }\n}\n`;

async function examined(device: Device): Promise<{ code: number | null; findings: FindingView[] }> {
  const { code, stdout } = await device.ctl(["doctor", "--json"], { timeoutMs: 30_000 });
  const lines = stdout.split("\n").filter((line) => line !== "");
  const objects = lines.map((line) => JSON.parse(line));
  expect(objects.pop()).toMatchObject({ event: "done" });
  return { code, findings: objects };
}

suiteFor(["hosts", "firewall"])("The doctor", () => {
  let trio: Trio;
  beforeAll(async () => {
    trio = await openPairedTrio();
  });
  afterAll(() => trio?.lan.close());

  const withFilter = async <T>(host: Host, rules: readonly string[], look: () => Promise<T>): Promise<T> => {
    const added = await host.run(["nft", "-f", "-"], { stdin: filter(...rules) });
    expect(added).toMatchObject({ code: 0, stderr: "" });
    try {
      return await look();
    } finally {
      await host.run(["nft", "delete", "table", "inet", "doctor"]);
    }
  };
  /** Does what the doctor advises. */
  const obey = async (host: Host, advice: string | null | undefined) => {
    const command = /sudo (nft .*)$/.exec(advice ?? "")?.[1] ?? "false";
    expect(await host.run(["sh", "-c", command])).toMatchObject({ code: 0, stderr: "" });
  };
  const of = (findings: readonly FindingView[], check: string) => findings.filter((each) => each.check === check);

  it("finds nothing wrong with a healthy host, and says what it looked at", async () => {
    const { code, findings } = await examined(trio.devices.anna);
    expect(findings.filter(({ state }) => state === "problem")).toEqual([]);
    expect(code).toBe(0);
    for (const check of CHECKS) expect(of(findings, check), check).not.toEqual([]);
    expect(of(findings, "multicast").map(({ state }) => state)).toContain("ok");
    expect(of(findings, "peers").map(({ text }) => text)).toEqual(["2 of 2 devices that are seen can be reached"]);
    expect(of(findings, "devices").map(({ text }) => text)).toEqual(["all 2 paired devices are seen"]);
  });

  it("gives a new address the time in which the system makes sure of it", async () => {
    const { anna } = trio.devices;
    for (const state of ["down", "up"]) {
      expect(await trio.hosts.anna.run(["ip", "link", "set", "eth0", state])).toMatchObject({ code: 0 });
    }
    const { findings } = await examined(anna);
    expect(of(findings, "multicast").map(({ state }) => state)).not.toContain("problem");
    await eventually("anna is as before", async () => ((await examined(anna)).code === 0 ? true : undefined), {
      timeoutMs: 30_000,
    });
  });

  it("finds that multicast is dropped, by the rule and by its effect, and its advice cures it", async () => {
    const { anna } = trio.devices;
    const host = trio.hosts.anna;
    await withFilter(host, ["udp dport 5353 drop"], async () => {
      const { code, findings } = await examined(anna);
      expect(code).toBe(23);
      const [rule] = of(findings, "firewall");
      expect(rule).toMatchObject({ state: "problem", text: expect.stringContaining("does not let UDP 5353 in") });
      expect(of(findings, "multicast").map(({ state }) => state)).toContain("problem");
      await obey(host, rule?.advice);
      const after = (await examined(anna)).findings;
      expect([...of(after, "firewall"), ...of(after, "multicast")].map(({ state }) => state)).not.toContain("problem");
    });
  });

  it("finds a port that is closed: there by the rule, here by a device that is seen but does not answer", async () => {
    const { anna, bert } = trio.devices;
    await withFilter(trio.hosts.bert, ["tcp dport 25726 drop"], async () => {
      const there = (await examined(bert)).findings;
      const [rule] = of(there, "firewall");
      expect(rule?.text).toContain("does not let TCP 25726 in");
      const here = (await examined(anna)).findings;
      const unreached = of(here, "peers").find(({ state }) => state === "problem");
      expect(unreached).toMatchObject({
        text: expect.stringMatching(/^bert is seen but does not answer at 10\.77\.0\.\d+:25726$/),
        advice: expect.stringContaining("TCP 25726"),
      });
      await obey(trio.hosts.bert, rule?.advice);
      expect(of((await examined(anna)).findings, "peers").map(({ state }) => state)).toEqual(["ok"]);
    });
  });

  it("finds who holds the port that lanxferd wanted, and a paired device that is away", async () => {
    const { bert, cora } = trio.devices;
    await cora.stop();
    await bert.stop();
    const squatter = trio.hosts.bert.start([
      process.execPath,
      "-e",
      'require("net").createServer().listen(25726, "::", () => console.log("listening"))',
    ]);
    await squatter.line((line) => line === "listening", 5_000);
    await bert.start();
    const { findings } = await examined(bert);
    expect(of(findings, "port")[0]).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/^listens on TCP \d+, because 25726 is held by node \(process \d+\)$/),
    });
    expect(of(findings, "devices").map(({ text }) => text)).toEqual(["cora has not been seen yet"]);
  });

  it("says first that lanxferd does not run, and looks all the same", async () => {
    const { cora } = trio.devices;
    const { code, findings } = await examined(cora);
    expect(code).toBe(23);
    expect(findings[0]).toMatchObject({ check: "daemon", state: "problem", text: "lanxferd is not running" });
    expect(of(findings, "port")[0]?.text).toBe("TCP 25726 is free");
    expect(of(findings, "multicast")[0]?.state).toBe("ok");
  });
});
