/**
 * docs/automation.md, held against what the built programs print: every command
 * of its table is run against real daemons, and every line is one of the objects
 * that the page promises there, in each field and with no other.
 */

import { mkdir, symlink, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { documentedCommands } from "../support/automation-page.ts";
import { kindOf } from "../support/contract.ts";
import { freePort } from "../support/daemons.ts";
import { Home } from "../support/home.ts";
import { eventually, type Running } from "../support/process.ts";
import { objects } from "./support/place.ts";

const documented = documentedCommands();

/** Which objects a command printed before the last line, in order; fails for a line that is not promised. */
function kinds(command: string, stdout: string): string[] {
  const promised = documented.get(command);
  if (promised === undefined) throw new Error(`${command} is not documented`);
  const lines = objects(stdout);
  const found = lines.slice(0, -1).map((line) => kindOf(line, promised) ?? `not promised: ${JSON.stringify(line)}`);
  expect(found.filter((kind) => !promised.includes(kind))).toEqual([]);
  expect(kindOf(lines.at(-1), ["Done"]), JSON.stringify(lines.at(-1))).toBe("Done");
  return found;
}

/** Waits until a program that goes on has printed lines with all of these words, and ends it. */
async function enough(running: Running, ...words: string[]): Promise<string> {
  await eventually(words.join(), () => words.every((word) => running.stdout.includes(word)) || undefined, {
    timeoutMs: 20_000,
  });
  return (await running.stop("SIGINT")).stdout;
}

it("every command prints what the page about automation says", { timeout: 120_000 }, async () => {
  await using bert = await Home.make({ LANXFER_PORT: String(await freePort()), LANXFER_NAME: "bert" });
  await using anna = await Home.make({ LANXFER_PORT: String(await freePort()), LANXFER_NAME: "anna" });
  await Promise.all([anna.ready(), bert.ready()]);
  const seen = new Map<string, string[]>();
  const run = async (home: Home, command: string, ...more: string[]) => {
    const { stdout, stderr } = await home.ctl(...command.split(" "), ...more, "--json");
    seen.set(command, kinds(command, stdout));
    return { lines: objects(stdout), stderr };
  };

  const [peers, events] = [anna.startCtl(["peers", "--watch", "--json"]), anna.startCtl(["watch", "--json"])];
  for (const each of [peers, events])
    await eventually("the snapshot", () => each.stdout.includes("snapshot") || undefined);
  const [{ port } = { port: 0 }] = (await run(bert, "status")).lines;
  await run(bert, "invite --out", bert.path("invite"), "--address", `127.0.0.1:${port}`);
  await run(bert, "invite");
  await run(anna, "pair --invite", bert.path("invite"));
  await run(anna, "peers");
  await run(anna, "devices");
  await run(anna, "id");

  await bert.ctl("config", "set", "hooks.received", '["/bin/sh","-c","exit 3"]');
  await bert.ctl("policy", "anna", "ask");
  const [arrivals, happenings] = [bert.startCtl(["receive", "--json"]), bert.startCtl(["watch", "--json"])];
  await eventually("the snapshot", () => happenings.stdout.includes("snapshot") || undefined);
  await mkdir(anna.path("folder"));
  await writeFile(anna.path("folder/a.txt"), "hello");
  await writeFile(anna.path("folder/a.tmp"), "");
  await symlink("a.txt", anna.path("folder/link"));
  await run(anna, "send --dry-run", "bert", "folder", "--exclude", "*.tmp");
  const sending = anna.startCtl(["send", "bert", "folder", "--exclude", "*.tmp", "--note", "a note", "--json"]);
  const id = await eventually("an offer", async () => (await run(bert, "offers")).lines.at(-2)?.["id"]);
  await run(anna, "transfers", "--all");
  await bert.ctl("accept", String(id));
  seen.set("send", kinds("send", (await sending.finished).stdout));
  await eventually(
    "the end of the hook",
    async () =>
      (await run(bert, "history")).lines.some(({ hook }) => JSON.stringify(hook).includes("failed")) || undefined,
  );
  await run(bert, "inbox");
  await run(bert, "config list");
  await run(bert, "config get", "hooks.received");
  await run(bert, "config set", "notify", "false");
  await run(bert, "config unset", "notify");
  await run(bert, "service status");
  await run(bert, "doctor");
  seen.set("peers --watch", kinds("peers --watch", await enough(peers, '"peer"')));
  seen.set("receive", kinds("receive", await enough(arrivals, '"arrival"')));
  const told = [
    ...kinds("watch", await enough(events, '"peer"', '"done"')),
    ...kinds("watch", await enough(happenings, '"offer"', '"hook"', '"failed"')),
  ];
  seen.set("watch", told);

  expect([...seen.keys()].sort()).toEqual([...documented.keys()].sort());
  // Where no service manager runs there is nothing to say of a service.
  const silent = [...seen].filter(([, found]) => found.length === 0).map(([command]) => command);
  expect(silent.filter((command) => command !== "service status")).toEqual([]);
  expect([...new Set(told)].sort()).toEqual([
    "Event `hook`",
    "Event `offer`",
    "Event `peer`",
    "Event `snapshot`",
    "Event `transfer`",
  ]);
  expect(seen.get("send --dry-run")?.sort()).toEqual(
    ["excluded", "file", "folder", "skipped", "total"].map((word) => `Would be sent: \`${word}\``),
  );
});
