/**
 * The secret of an invite is in the invite and nowhere else: not in what others
 * can see of the programs, not in what they write, however much they are told to
 * write.
 */

import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ControlClient } from "../../src/control/client.ts";
import { VERSION } from "../../src/core/version.ts";
import { Home } from "../support/home.ts";
import { eventually, type Running } from "../support/process.ts";
import { TcpProxy } from "../support/proxy.ts";
import { spellingsIn } from "../support/spellings.ts";

const LOUD = { LANXFER_LOG_LEVEL: "trace" };

/** What every user of the machine can see of a process, and what its own user can. */
async function visible({ pid }: Running): Promise<string> {
  const files = ["cmdline", "environ", "comm", "status"].map((name) => readFile(`/proc/${pid}/${name}`, "latin1"));
  return (await Promise.all(files)).join("\n");
}

/** All that is in files below `directory`, names included. */
async function written(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const contents = entries.map(async (entry) => {
    const file = path.join(entry.parentPath, entry.name);
    return `${file}\n${entry.isFile() ? await readFile(file, "latin1") : ""}`;
  });
  return (await Promise.all(contents)).join("\n");
}

/** The lines of the event stream, until `stop`. */
async function eventsOf(home: Home, stop: AbortSignal): Promise<string> {
  let text = "";
  const client = new ControlClient(home.path("run/control.sock"), VERSION);
  for await (const event of client.events(stop)) text += JSON.stringify(event);
  return text;
}

describe("The secret of an invite", () => {
  it("is not in arguments, environment, log, state, settings, history or events of anybody", async () => {
    await using anna = await Home.make({ ...LOUD, LANXFER_NAME: "anna" });
    await using bert = await Home.make({ ...LOUD, LANXFER_NAME: "bert" });
    const daemons = [await anna.ready(), await bert.ready()];
    await using network = await TcpProxy.open(await anna.port());
    const stop = new AbortController();
    const events = [anna, bert].map((home) => eventsOf(home, stop.signal));

    const address = ["--address", `127.0.0.1:${network.port}`];
    const plain = await anna.ctl("-v", "invite", ...address);
    const drawn = await anna.ctl("-v", "invite", "--qr", ...address);
    const json = await anna.ctl("-v", "invite", "--json", ...address);
    const filed = await anna.ctl("-v", "invite", "--out", "invite.txt", ...address);
    const file = await readFile(anna.path("invite.txt"), "latin1");
    await rm(anna.path("invite.txt"));
    await writeFile(bert.path("invite.txt"), file, { mode: 0o600 });
    const [first = ""] = drawn.stdout.split("\n");
    const [object = ""] = json.stdout.split("\n");
    const invites = [plain.stdout, first, JSON.parse(object).text, file].map((text: string) => text.trim());
    const [byPipe = "", , damaged = "", byFile = ""] = invites;

    // While the other device keeps us waiting, there is something to look at.
    network.fallSilent("back");
    const waiting = bert.startCtl(["-v", "pair", "--invite", "-"], byPipe);
    await eventually("bert calls anna", () => network.passed.there.bytes > 0 || undefined);
    const seen = await Promise.all([waiting, ...daemons].map(visible));
    network.begin();
    const paired = [
      await waiting.finished,
      await bert.startCtl(["-v", "pair", "--invite", "-"], byPipe).finished,
      await bert.startCtl(["-v", "pair", "--invite", "-"], `${damaged.slice(0, -1)}1`).finished,
      await bert.ctl("-v", "pair", "--invite", "invite.txt"),
      await bert.ctl("-v", "pair", "--invite", byFile),
      await bert.ctl("-v", "pair", byFile.toUpperCase()),
    ];
    expect(paired.map(({ code }) => code)).toEqual([0, 7, 7, 0, 2, 2]);
    await rm(bert.path("invite.txt"));
    stop.abort();

    const places: Record<string, string> = {
      "process list": seen.join("\n"),
      "messages of pair": paired.map(({ stdout, stderr }) => stdout + stderr).join("\n"),
      "messages of invite": [plain, drawn, json, filed].map(({ stderr }) => stderr).join("\n") + filed.stdout,
      logs: daemons.map(({ stdout, stderr }) => stdout + stderr).join("\n"),
      events: (await Promise.all(events)).join("\n"),
      files: (await Promise.all([anna, bert].map(({ directory }) => written(directory)))).join("\n"),
    };
    const found = Object.entries(places).flatMap(([name, text]) =>
      invites.flatMap((invite) => spellingsIn(text, invite).map((spelling) => `${spelling} in ${name}`)),
    );
    expect(found).toEqual([]);

    // That it would have been found where it is meant to be, and that there was something to search.
    for (const invite of invites) expect(spellingsIn(plain.stdout + first + object + file, invite)).toContain("text");
    for (const [name, text] of Object.entries(places)) expect(text.length, name).toBeGreaterThan(100);
    expect(places["process list"]).toContain("--invite");
    expect(places["logs"]).toContain("paired devices changed");
    expect(places["files"]).toContain("BEGIN PRIVATE KEY");
  });
});
