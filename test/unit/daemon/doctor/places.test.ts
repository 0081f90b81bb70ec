import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { examine } from "../../../../src/daemon/doctor/doctor.ts";
import { type PlaceFacts, placeChecks } from "../../../../src/daemon/doctor/places.ts";
import { ManualClock } from "../../discovery/support/clock.ts";

describe("The doctor's look at places", () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(path.join(tmpdir(), "lanxfer-"));
    for (const name of ["config", "state", "run", "inbox"]) await mkdir(path.join(home, name), { mode: 0o700 });
    await writeFile(path.join(home, "state", "key.pem"), "", { mode: 0o600 });
  });
  afterEach(() => rm(home, { recursive: true }));

  const find = async (facts: Partial<PlaceFacts> = {}): Promise<Record<string, string[]>> => {
    const at = (name: string) => path.join(home, name);
    const places = { config: at("config"), state: at("state"), socket: path.join(home, "run", "control.sock") };
    const uid = process.getuid?.() ?? 0;
    const all = { places, uid, inbox: at("inbox"), isDefaultInbox: false, reserve: 0, unknownSettings: [], ...facts };
    const byCheck: Record<string, string[]> = {};
    for (const { check, state, text, advice } of await examine(placeChecks(all), new ManualClock())) {
      if (state !== "ok") expect(advice).not.toBeNull();
      byCheck[check] = [...(byCheck[check] ?? []), `${state}: ${text.replaceAll(home, "~")}`];
    }
    return byCheck;
  };

  it("is content with what lanxferd makes", async () => {
    const found = await find();
    expect(found["key"]).toEqual(["ok: only this user can read ~/state/key.pem"]);
    expect(found["control socket"]).toEqual(["ok: only this user can reach ~/run"]);
    expect(found["inbox"]).toEqual([expect.stringMatching(/^ok: ~\/inbox, .* free$/)]);
  });

  it("sees a key that others can read, and a state directory that is open", async () => {
    await chmod(path.join(home, "state", "key.pem"), 0o644);
    await chmod(path.join(home, "state"), 0o755);
    expect((await find())["key"]).toEqual([
      "problem: ~/state is open to other users of this machine",
      "problem: ~/state/key.pem is open to other users of this machine",
    ]);
  });

  it("sees settings that others can change, and names that mean nothing", async () => {
    await writeFile(path.join(home, "config", "config.json"), "{}");
    await chmod(path.join(home, "config", "config.json"), 0o666);
    expect((await find({ unknownSettings: ["colour"] }))["settings"]).toEqual([
      "warning: others may change ~/config/config.json",
      "warning: the setting colour means nothing to this version",
    ]);
  });

  it("sees a control directory that is open, or is none", async () => {
    await chmod(path.join(home, "run"), 0o755);
    expect((await find())["control socket"]).toEqual(["problem: ~/run is open to other users"]);
    await rm(path.join(home, "run"), { recursive: true });
    await writeFile(path.join(home, "run"), "");
    expect((await find())["control socket"]).toEqual(["problem: ~/run is not a directory"]);
  });

  it("sees an inbox that is missing, a file, full, or open to everybody", async () => {
    const inbox = path.join(home, "inbox");
    expect((await find({ reserve: Number.MAX_SAFE_INTEGER }))["inbox"]?.[0]).toMatch(/^problem: no room for files/);
    await chmod(inbox, 0o777);
    expect((await find())["inbox"]).toEqual(["warning: everybody may write to ~/inbox"]);
    await rm(inbox, { recursive: true });
    expect((await find())["inbox"]).toEqual(["problem: ~/inbox is not there"]);
    expect((await find({ isDefaultInbox: true }))["inbox"]).toEqual(["ok: ~/inbox is made when lanxferd starts"]);
    await writeFile(inbox, "");
    expect((await find())["inbox"]).toEqual(["problem: ~/inbox is not a folder"]);
    await rm(inbox);
    await symlink("elsewhere", inbox);
    expect((await find())["inbox"]?.[0]).toMatch(/^ok: ~\/inbox is a link/);
  });

  it("sees what belongs to another user", async () => {
    const found = await find({ uid: 12_345 });
    expect(found["key"]).toContain("problem: ~/state/key.pem belongs to another user");
    expect(found["control socket"]).toEqual(["problem: ~/run belongs to another user"]);
    expect(found["inbox"]).toContain("warning: ~/inbox belongs to another user");
  });
});
