import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../src/core/errors.ts";
import { objects, Place, poll, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

const INVITE = `lanxfer-${"abcdefghijklmnopqrstuvwxyz234567".repeat(3)}`;

/** A place whose daemon takes INVITE, however it is broken into lines. */
async function redeeming(): Promise<{ readonly place: Place; readonly taken: string[] }> {
  const place = await Place.open();
  const taken: string[] = [];
  await place.daemon({
    redeem: async ({ invite }) => {
      taken.push(invite);
      if (invite.replace(/\s/g, "") !== INVITE) throw new LanxferError("E_INVITE");
      return views.device();
    },
  });
  return { place, taken };
}

describe("An invite of another device", () => {
  it("is taken from standard input, also when it was broken into lines", async () => {
    const { place } = await redeeming();
    const result = await place.ctl(["pair", "--invite", "-"], {
      stdin: `\n${INVITE.slice(0, 50)}\r\n${INVITE.slice(50)}\n\n`,
    });
    await expect(transcript(["pair", "--invite", "-"], result)).toMatchFileSnapshot("golden/pair.txt");
  });

  it("is taken from a file", async () => {
    const { place } = await redeeming();
    await writeFile(path.join(place.home, "invite.txt"), `${INVITE}\n`, { mode: 0o600 });
    expect(await place.ctl(["pair", "--invite", "invite.txt"])).toMatchObject({ code: 0, stderr: "" });
  });

  it.each([0o640, 0o604, 0o620])("in a file that is open to others (%o) is taken with a warning", async (mode) => {
    const { place } = await redeeming();
    const file = path.join(place.home, "invite.txt");
    await writeFile(file, `${INVITE}\n`);
    await chmod(file, mode);
    expect(await place.ctl(["pair", "--invite", "invite.txt"])).toMatchObject({
      code: 0,
      stdout: "paired with alice (aliceaaa)\n",
      stderr: "careful: invite.txt is open to other users, and whoever is first to use an invite is paired\n",
    });
  });

  it("is taken from a pipe of the shell, which no other user can read", async () => {
    const { place } = await redeeming();
    expect(await place.shell(`$CTL pair --invite <(echo ${INVITE})`)).toMatchObject({ code: 0, stderr: "" });
  });

  it("leads to one object with --json", async () => {
    const { place } = await redeeming();
    const { stdout, stderr } = await place.ctl(["pair", "--invite", "-", "--json"], { stdin: INVITE });
    expect(objects(stdout)).toEqual([
      { v: 1, ...views.device() },
      { v: 1, event: "done", ok: true, exit: 0 },
    ]);
    expect(stderr).toBe("");
  });

  it("is asked for at a terminal, where its first line is enough", async () => {
    const { place } = await redeeming();
    const running = place.onTerminal(["pair", "--invite", "-"]);
    await poll(() => running.stdout).toContain("invite: ");
    running.type(`${INVITE}\n`);
    const { code, stdout } = await running.finished;
    expect(code).toBe(0);
    expect(stdout).toContain("paired with alice (aliceaaa)");
  });

  it("that is damaged is refused with the reason and the way out", async () => {
    const { place, taken } = await redeeming();
    const result = await place.ctl(["pair", "--invite", "-"], { stdin: "lanxfer-nonsense" });
    await expect(transcript(["pair", "--invite", "-"], result)).toMatchFileSnapshot("golden/pair-refused.txt");
    expect(taken).toEqual(["lanxfer-nonsense"]);
  });

  it.each(["", " \n", "x".repeat(100_000)])("that is none is refused, whatever its length (%#)", async (stdin) => {
    const { place, taken } = await redeeming();
    expect(await place.ctl(["pair", "--invite", "-"], { stdin })).toMatchObject({ code: 7, stdout: "" });
    for (const text of taken) expect(text.length).toBeLessThanOrEqual(1024);
  });

  it.each([
    ["pair", INVITE],
    ["pair", "--invite", INVITE],
    ["pair", `--invite=${INVITE}`],
    ["pair", "--invite", INVITE.toUpperCase().replace(/(.{8})/g, "$1 ")],
    [INVITE],
    ["pair", "--invite", INVITE.slice(0, 34)],
  ])("is refused among the arguments and not repeated (%#)", async (...args) => {
    const { place, taken } = await redeeming();
    const { code, stdout, stderr } = await place.ctl(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^lanxferctl: error: an invite is a secret/);
    expect(stderr.toLowerCase()).not.toContain("abcdefgh");
    expect(taken).toEqual([]);
  });

  it("in a file that is missing or a folder is not asked for", async () => {
    const { place, taken } = await redeeming();
    expect(await place.ctl(["pair", "--invite", "nowhere"])).toMatchObject({
      code: 11,
      stderr: "lanxferctl: error: no such file or folder: nowhere\n",
    });
    expect(await place.ctl(["pair", "--invite", "."])).toMatchObject({ code: 11 });
    expect(taken).toEqual([]);
  });

  it("that is waited for can be given up", async () => {
    const { place } = await redeeming();
    const running = place.onTerminal(["pair", "--invite", "-"]);
    await poll(() => running.stdout).toContain("invite: ");
    running.type("\x03");
    expect(await running.finished).toMatchObject({ code: 130 });
  });
});
