/** What the built daemon tells the desktop, through a program of that name in its PATH. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { describe, it, type TestContext } from "vitest";
import { freePort } from "../support/daemons.ts";
import { Home } from "../support/home.ts";
import { NotifySend } from "../support/notify-send.ts";
import { eventually } from "../support/process.ts";
import { ACTIVE } from "./support/place.ts";

/** A name that is an option, markup, an escape of notify-send, an escape of a terminal and a command in one. */
const HOSTILE = "--icon=x <b>\\074b\\076$(id)`id`;\x1b[2J\n\x07&.txt";

/** anna sends to bert, who has a desktop. */
async function two({ onTestFinished, expect }: TestContext, script?: string) {
  const [anna, bert] = [await Home.make({ LANXFER_NAME: "anna" }), await Home.make({ LANXFER_NAME: "bert" })];
  onTestFinished(async () => {
    await anna[Symbol.asyncDispose]();
    await bert[Symbol.asyncDispose]();
  });
  const desktop = await NotifySend.install(bert.path("bin"), script);
  await anna.ready({ LANXFER_PORT: String(await freePort()) });
  const daemon = await bert.ready({ LANXFER_PORT: String(await freePort()), ...desktop.env });
  expect((await anna.pairWith(bert)).paired).toMatchObject({ code: 0 });
  return { anna, bert, desktop, daemon };
}

/** The offer that waits at this daemon. */
const offerAt = (home: Home) =>
  eventually("an offer", async () => {
    const first = JSON.parse((await home.ctl("offers", "--json")).stdout.split("\n")[0] ?? "");
    return typeof first.id === "string" ? (first.id as string) : undefined;
  });

describe("The desktop", () => {
  it.concurrent("hears of an offer and of its arrival, and hostile names are text and nothing else", async (test) => {
    const { expect } = test;
    const { anna, bert, desktop } = await two(test);
    await bert.ctl("policy", "anna", "ask");
    await mkdir(anna.path("out"));
    await writeFile(anna.path(`out/${HOSTILE}`), "hello");
    const sent = anna.ctl("send", "bert", `out/${HOSTILE}`);
    const id = await offerAt(bert);
    await bert.ctl("accept", id);
    expect(await sent).toMatchObject({ code: 0 });
    const calls = await desktop.called(2);
    const told = "--icon=x &lt;b&gt;\\\\074b\\\\076$(id)`id`;\\\\x1b[2J\\\\x0a\\\\x07&amp;.txt";
    expect(calls).toEqual([
      [
        "--app-name=lanxfer",
        "--",
        "lanxfer: an offer waits for your answer",
        `${told} (5 B) from anna; take it with: lanxferctl accept ${id}`,
      ],
      [
        "--app-name=lanxfer",
        "--",
        "lanxfer: something has arrived",
        expect.stringMatching(/^--icon=x &lt;b&gt;_074b_/),
      ],
    ]);
    for (const word of calls.flat()) expect(word).not.toMatch(ACTIVE);
  });

  it.concurrent("hears of a burst once, and then how many more there were", async (test) => {
    const { expect } = test;
    const { anna, desktop } = await two(test);
    await writeFile(anna.path("a.txt"), "hello");
    const sent = await Promise.all(Array.from({ length: 4 }, () => anna.ctl("send", "--always", "bert", "a.txt")));
    expect(sent.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect((await desktop.called(2)).map(([, , title]) => title)).toEqual([
      "lanxfer: something has arrived",
      "lanxfer: 3 more transfers have arrived",
    ]);
  });

  it.concurrent("that never answers holds up nothing", async (test) => {
    const { expect } = test;
    const { anna, bert, desktop, daemon } = await two(test, 'while [ -e "$0" ]; do sleep 0.1; done');
    await writeFile(anna.path("a.txt"), "hello");
    expect(await anna.ctl("send", "bert", "a.txt")).toMatchObject({ code: 0 });
    await desktop.called(1);
    expect(await anna.ctl("send", "bert", "a.txt")).toMatchObject({ code: 0 });
    expect(await bert.ctl("status")).toMatchObject({ code: 0 });
    expect(await daemon.stop("SIGTERM", 5_000)).toMatchObject({ code: 0 });
  });

  it.concurrent("that fails is no fault", async (test) => {
    const { expect } = test;
    const { anna, daemon } = await two(test, "exit 1");
    await writeFile(anna.path("a.txt"), "hello");
    expect(await anna.ctl("send", "bert", "a.txt")).toMatchObject({ code: 0 });
    expect(daemon.stdout + daemon.stderr).not.toMatch(/"level":[45]0|notif/);
  });

  it.concurrent("hears nothing when the user wants it so, from that moment on", async (test) => {
    const { expect } = test;
    const { anna, bert, desktop } = await two(test);
    await writeFile(anna.path("a.txt"), "hello");
    expect(await bert.ctl("config", "set", "notify", "maybe")).toMatchObject({ code: 2 });
    expect(await bert.ctl("config", "set", "notify", "false")).toMatchObject({ code: 0, stdout: "notify = false\n" });
    expect(await anna.ctl("send", "bert", "a.txt")).toMatchObject({ code: 0 });
    expect(JSON.parse(await readFile(bert.path("config/config.json"), "utf8"))).toEqual({ notify: false });
    expect(await desktop.calls()).toEqual([]);
  });
});
