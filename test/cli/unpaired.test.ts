/** Two built daemons that are not paired, a terminal on each, and a desktop on the receiver's. */

import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../support/daemons.ts";
import { Home } from "../support/home.ts";
import { NotifySend } from "../support/notify-send.ts";
import { eventually } from "../support/process.ts";
import { ACTIVE, PROGRAM, poll, Terminal } from "./support/place.ts";

const HOSTILE = '-x <b>alice</b>" (paired) \\074';

/** lanxferctl on a terminal in that home. */
function terminal(home: Home, ...args: string[]): Terminal {
  const command = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(" ");
  const script = `stty cols 120 rows 24 -onlcr -echo; exec ${command}`;
  const env = { ...home.env(), TERM: "xterm" };
  return new Terminal(spawn("script", ["-qec", script, "/dev/null"], { env, cwd: home.directory, stdio: "pipe" }));
}

it("A device with a hostile name sends to one that is not paired: both users are told what is going on", async () => {
  const [anna, bert] = [await Home.make({ LANXFER_NAME: HOSTILE }), await Home.make({ LANXFER_NAME: "bert" })];
  onTestFinished(async () => {
    await anna[Symbol.asyncDispose]();
    await bert[Symbol.asyncDispose]();
  });
  const desktop = await NotifySend.install(bert.path("bin"));
  const port = String(await freePort());
  await anna.ready({ LANXFER_PORT: String(await freePort()) });
  await bert.ready({ LANXFER_PORT: port, LANXFER_UNPAIRED: "ask", ...desktop.env });
  await anna.ctl("peers", "add", "nas", `127.0.0.1:${port}`);
  await eventually("it is seen", async () => (await anna.ctl("peers")).stdout.includes("nas") || undefined);
  const idOf = async (home: Home) => JSON.parse((await home.ctl("id", "--json")).stdout.split("\n")[0] ?? "");
  const [annaId, bertId] = [await idOf(anna), await idOf(bert)];
  await writeFile(anna.path("a.txt"), "hello");

  const notPaired = await anna.ctl("send", "nas", "a.txt");
  expect(notPaired).toMatchObject({ code: 7, stdout: "" });
  expect(notPaired.stderr).toContain("lanxferctl: hint: pair first:");

  // Whoever answers at an address does not decide who is meant.
  const atAddress = await anna.ctl("send", "--unpaired", "nas", "a.txt");
  expect(atAddress).toMatchObject({ code: 2, stdout: "" });
  expect(atAddress.stderr).toContain('nas is known by its address only: give the id that "lanxferctl peers" shows');

  const sending = terminal(anna, "send", "--unpaired", bertId.short, "a.txt");
  await poll(() => sending.stdout).toContain(`waiting for unpaired ${bertId.short} "nas" to accept a.txt (5 B)`);
  expect(sending.stdout).toMatch(
    new RegExp(`^unpaired ${bertId.short} goes by the name "nas": nobody has checked that it is the device you mean`),
  );

  const listed = await bert.ctl("offers");
  const claim = `unpaired ${annaId.short}, calls itself "-x <b>alice</b>\\" (paired) \\074" (not checked)`;
  expect(listed.stdout).toContain(claim);
  const [, id = ""] = /^([a-z2-7]{16}) /m.exec(listed.stdout) ?? [];
  const accepted = await bert.ctl("accept", id, "--pair");
  expect(accepted.stdout).toContain(`accepted a.txt (5 B) from ${claim}\n`);
  expect(accepted.stdout).toContain(`(${annaId.short}): what it sends is taken from now on\n`);
  expect(accepted.stderr).toContain(annaId.formatted);
  expect(await sending.finished).toMatchObject({ code: 0 });
  expect(await readFile(bert.path("LanInbox/a.txt"), "utf8")).toBe("hello");

  const [offered] = await desktop.called(2);
  expect(offered).toEqual([
    "--app-name=lanxfer",
    "--",
    "lanxfer: an offer of an unpaired device waits for your answer",
    expect.stringContaining(
      `unpaired ${annaId.short}, calls itself "-x &lt;b&gt;alice&lt;/b&gt;\\\\" (paired) \\\\074" (not checked)`,
    ),
  ]);
  expect([listed.stdout, accepted.stdout, accepted.stderr, ...(offered ?? [])].join("")).not.toMatch(ACTIVE);
  expect((await bert.ctl("devices")).stdout).toContain(annaId.short);
  expect((await anna.ctl("send", "--unpaired", bertId.short, "a.txt")).code).toBe(0);
  expect((await bert.ctl("offers")).stderr).toBe("no offers\n");
});
