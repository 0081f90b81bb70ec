import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { suiteFor } from "../support/privilege.ts";
import type { Running } from "../support/process.ts";
import { copied, differences, readTree } from "../support/tree.ts";
import { openPairedTrio, type Trio } from "../support/trio.ts";

const IMPOSTOR = fileURLToPath(new URL("programs/impostor.mjs", import.meta.url));
const SECRET = "tax return 2026.pdf";

/** What the impostor has to say. */
type Line = { readonly event: string; readonly text?: string; readonly subject?: string | null };

suiteFor(["hosts"])("An impostor with the name and id of a paired device", () => {
  let trio: Trio;
  let impostor: Running;
  let source: string;

  beforeAll(async () => {
    trio = await openPairedTrio();
    const { anna, bert, cora } = trio.devices;
    source = path.join(anna.place.home, SECRET);
    await writeFile(source, randomBytes(100_000));
    const { id } = await bert.control.call("get", "/v1/id", {});
    // The hardest kind: another device that is itself paired, so that its key is known, but not as bert's.
    await cora.stop();
    const credentials = ["key.pem", "cert.pem"].map((file) => path.join(cora.state, file));
    impostor = trio.hosts.cora.start([process.execPath, IMPOSTOR, id, "bert", ...credentials]);
    await impostor.line((line) => JSON.parse(line).event === "ready", 10_000);
  });
  afterAll(() => trio?.lan.close());

  const heard = (): Line[] =>
    impostor.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));

  it("does not keep the real one from getting its files", async () => {
    const { anna, bert } = trio.devices;
    for (let n = 0; n < 3; n++) {
      expect(await anna.ctl(["send", "bert", source, "--always"])).toMatchObject({ code: 0 });
    }
    expect((await readdir(bert.inbox)).filter((name) => name.endsWith(".pdf"))).toHaveLength(3);
    expect(differences(await readTree(source), await readTree(path.join(bert.inbox, SECRET)), copied)).toEqual([]);
  });

  it("is refused when it is the only one there, and the sender says why", async () => {
    const { anna, bert } = trio.devices;
    await bert.kill();
    const refused = await anna.ctl(["send", "bert", source], { timeoutMs: 60_000 });
    expect([5, 8]).toContain(refused.code);
    expect(refused.stderr).toMatch(/^lanxferctl: error: bert /m);
    expect(refused.stdout).not.toContain("delivered");
  });

  it("is told nothing: no greeting, no offer, no name", () => {
    const lines = heard();
    // Otherwise the test would prove nothing.
    expect(lines.map(({ event }) => event)).toContain("connection");
    expect(lines.filter(({ event }) => event === "heard")).toEqual([]);
    // A certificate may be shown; it names nobody.
    for (const { subject } of lines.filter(({ event }) => event === "handshake")) {
      expect([null, "CN=lanxfer"]).toContain(subject);
    }
    expect(impostor.stdout).not.toMatch(/tax|anna/);
  });
});
