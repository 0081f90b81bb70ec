import { lstat, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../src/core/errors.ts";
import { readCode } from "../support/qr.ts";
import { objects, Place, type Terminal, transcript } from "./support/place.ts";

const INVITE = `lanxfer-${"abcdefghijklmnopqrstuvwxyz234567".repeat(3)}`.slice(0, 101);
const EXPIRY = "2026-05-01T12:10:00.000Z";

/** A place whose daemon makes INVITE, and what it was asked for. */
async function inviting(expiresAt = EXPIRY): Promise<{ readonly place: Place; readonly asked: unknown[] }> {
  const place = await Place.open();
  const asked: unknown[] = [];
  await place.daemon({
    invite: (request) => {
      asked.push(request);
      return { text: INVITE, expiresAt };
    },
  });
  return { place, asked };
}

const BLACK_ON_WHITE = /^\x1b\[38;5;16;48;5;231m([ ▀▄█]+)\x1b\[0m$/;
const PLAIN = /^([ ▀▄█]{20,})$/;

/** What is drawn between other lines. */
function drawn(text: string, form: RegExp): string[] {
  return text.split(/\r?\n/).flatMap((line) => form.exec(line)?.[1] ?? []);
}

async function shown(terminal: Terminal): Promise<string> {
  const { code, stdout } = await terminal.finished;
  expect(code).toBe(0);
  return stdout;
}

describe("An invite of this device", () => {
  it("is alone on stdout, so that it can be piped, with what to do on stderr", async () => {
    const { place, asked } = await inviting(new Date(Date.now() + 3_600_000).toISOString());
    const args = ["invite", "--ttl", "1h", "--address", "192.0.2.1:4000"];
    const result = await place.ctl(args);
    expect(asked).toEqual([{ ttl: 3_600_000, address: "192.0.2.1:4000" }]);
    expect(result.stdout).toBe(`${INVITE}\n`);
    const steady = { ...result, stderr: result.stderr.replace(/(?<=within ).*/, "<time>") };
    expect(result.stderr).toMatch(/within (1 h 00 min|59 min \d\d s)$/m);
    await expect(transcript(args, steady)).toMatchFileSnapshot("golden/invite.txt");
  });

  it("asks for nothing of which nothing was said", async () => {
    const { place, asked } = await inviting();
    expect(await place.ctl(["invite"])).toMatchObject({ code: 0 });
    expect(asked).toEqual([{}]);
  });

  it.each([
    ["0s", "an invite lasts 1s to 24h, not 0s"],
    ["25h", "an invite lasts 1s to 24h, not 25h"],
    ["2d", "an invite lasts 1s to 24h, not 2d"],
    ["10", "not a duration: 10 (write 45s, 10m, 1h30m or 7d)"],
    ["-5m", "not a duration: -5m (write 45s, 10m, 1h30m or 7d)"],
    ["", "not a duration:  (write 45s, 10m, 1h30m or 7d)"],
  ])("is not made for a time that makes no sense: %j", async (ttl, text) => {
    const { place, asked } = await inviting();
    const { code, stdout, stderr } = await place.ctl(["invite", `--ttl=${ttl}`]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe(`lanxferctl: error: ${text}\nlanxferctl: hint: run "lanxferctl --help"\n`);
    expect(asked).toEqual([]);
  });

  it("is one object with --json, and nothing is drawn", async () => {
    const { place } = await inviting();
    const { stdout, stderr } = await place.ctl(["invite", "--qr", "--json"]);
    expect(objects(stdout)).toEqual([
      { v: 1, text: INVITE, expiresAt: EXPIRY },
      { v: 1, event: "done", ok: true, exit: 0 },
    ]);
    expect(stderr).toBe("");
  });
});

describe("The QR code of an invite", () => {
  it("is drawn on a terminal below the text, black on white, and can be read", async () => {
    const { place } = await inviting();
    const text = await shown(place.onTerminal(["invite"]));
    const code = drawn(text, BLACK_ON_WHITE);
    expect(readCode(code, "dark")?.toLowerCase()).toBe(INVITE);
    expect(text.split(/\r?\n/)[0]).toBe(INVITE);
    // It is the last thing, so that nothing pushes it off the screen.
    expect(text.trimEnd().split(/\r?\n/).at(-1)).toMatch(BLACK_ON_WHITE);
  });

  it("is drawn without colours where none are wanted, for light text on a dark ground", async () => {
    const { place } = await inviting();
    const text = await shown(place.onTerminal(["invite", "--qr"], { env: { NO_COLOR: "1" } }));
    expect(text).not.toContain("\x1b");
    expect(readCode(drawn(text, PLAIN), "light")?.toLowerCase()).toBe(INVITE);
  });

  it("is drawn into a pipe only when it was asked for", async () => {
    const { place } = await inviting();
    expect((await place.ctl(["invite"])).stdout).toBe(`${INVITE}\n`);
    const { stdout } = await place.ctl(["invite", "--qr"]);
    expect(stdout.split("\n")[0]).toBe(INVITE);
    expect(readCode(drawn(stdout, PLAIN), "light")?.toLowerCase()).toBe(INVITE);
  });

  it.each([
    ["too narrow", [] as string[], { columns: 40 }, ""],
    ["too narrow", ["--qr"], { columns: 40 }, "no QR code: it needs a terminal of 41 columns, and this one has 40"],
    ["too low", [], { rows: 21 }, ""],
    ["not set to UTF-8", [], { env: { LANG: "C" } }, ""],
    ["not set to UTF-8", ["--qr"], { env: { LANG: "C" } }, "no QR code: it needs a terminal that is set to UTF-8"],
    [
      "overruled by LC_ALL",
      ["--qr"],
      { env: { LC_ALL: "POSIX" } },
      "no QR code: it needs a terminal that is set to UTF-8",
    ],
  ])("is left out on a terminal that is %s (%j), and the text is not", async (_what, more, terminal, notice) => {
    const { place } = await inviting();
    const text = await shown(place.onTerminal(["invite", ...more], terminal));
    expect(text).not.toMatch(/[▀▄█]/);
    expect(text.split(/\r?\n/)[0]).toBe(INVITE);
    expect(text.includes("no QR code")).toBe(notice !== "");
    expect(text).toContain(notice);
  });

  it("is drawn on a terminal that is low when it was asked for, as one can scroll", async () => {
    const { place } = await inviting();
    const text = await shown(place.onTerminal(["invite", "--qr"], { rows: 10 }));
    expect(readCode(drawn(text, BLACK_ON_WHITE), "dark")?.toLowerCase()).toBe(INVITE);
  });
});

describe("A file for an invite", () => {
  it("is the only place that has it, and is its owner's alone", async () => {
    const { place } = await inviting();
    const { code, stdout, stderr } = await place.ctl(["invite", "--out", "invite.txt"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "the invite is in invite.txt\n" });
    expect(stderr).toMatch(/^it can be used once, within .*\ncarry it to the other device and run "lanxferctl pair /);
    expect(stderr).not.toContain(INVITE);
    const file = path.join(place.home, "invite.txt");
    expect(await readFile(file, "utf8")).toBe(`${INVITE}\n`);
    expect((await lstat(file)).mode & 0o7777).toBe(0o600);
  });

  it("is told of with --json, without the invite", async () => {
    const { place } = await inviting();
    const { stdout } = await place.ctl(["invite", "--out", "invite.txt", "--json"]);
    expect(objects(stdout)[0]).toEqual({ v: 1, file: "invite.txt", expiresAt: EXPIRY });
  });

  it("does not keep the code from a screen when that is asked for", async () => {
    const { place } = await inviting();
    const plain = await shown(place.onTerminal(["invite", "--out", "one.txt"]));
    expect(plain).not.toMatch(/[▀▄█]/);
    const text = await shown(place.onTerminal(["invite", "--out", "two.txt", "--qr"]));
    expect(text).not.toContain(INVITE);
    expect(readCode(drawn(text, BLACK_ON_WHITE), "dark")?.toLowerCase()).toBe(INVITE);
  });

  it.each([
    ["file", (file: string) => writeFile(file, "mine")],
    ["link that leads nowhere", (file: string) => symlink(`${file}.target`, file)],
  ])("is not made over a %s, and no invite is", async (_what, put) => {
    const { place, asked } = await inviting();
    await put(path.join(place.home, "invite.txt"));
    const before = await place.tree();
    expect(await place.ctl(["invite", "--out", "invite.txt"])).toMatchObject({
      code: 11,
      stdout: "",
      stderr: "lanxferctl: error: cannot write invite.txt: there is something of this name already\n",
    });
    expect(asked).toEqual([]);
    expect(await place.tree()).toEqual(before);
  });

  it("is not left behind when no invite was made", async () => {
    const place = await Place.open();
    await place.daemon({
      invite: () => {
        throw new LanxferError("E_USAGE", { text: "16 invites are open: use one, or wait until one expires" });
      },
    });
    expect(await place.ctl(["invite", "--out", "invite.txt"])).toMatchObject({ code: 2, stdout: "" });
    expect(await readdir(place.home)).toEqual(["run"]);
  });

  it.each(["-", ""])("needs a name: %j is none", async (name) => {
    const { place, asked } = await inviting();
    expect(await place.ctl(["invite", `--out=${name}`])).toMatchObject({ code: 2, stdout: "" });
    expect(asked).toEqual([]);
  });
});
