import { link, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { ownsDirectory, waitForDaemon } from "../../../src/ctl/connect.ts";
import { ManualClock } from "./support/clock.ts";

const never = new AbortController().signal;

describe("Looking for the daemon", () => {
  let root: string;
  const servers: net.Server[] = [];

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), "connect-"));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    await rm(root, { recursive: true });
  });

  async function listen(name: string): Promise<string> {
    const server = net.createServer((socket) => socket.on("error", () => {}));
    servers.push(server);
    const socket = path.join(root, name);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    return socket;
  }

  it("ends as soon as somebody listens", async () => {
    await expect(waitForDaemon(await listen("s"), new ManualClock(), never)).resolves.toBeUndefined();
  });

  it("goes on while it may be starting", async () => {
    const found = waitForDaemon(path.join(root, "late"), systemClock, never);
    await systemClock.sleep(120);
    await listen("late");
    await expect(found).resolves.toBeUndefined();
  });

  it("does not go on where there is not even a directory", async () => {
    // The clock stands: a second try would never come.
    await expect(waitForDaemon(path.join(root, "no/s"), new ManualClock(), never)).rejects.toMatchObject({
      code: "E_DAEMON_DOWN",
      cause: { code: "ENOENT" },
    });
  });

  it("ends after a second, also when a dead daemon left its socket", async () => {
    const live = await listen("live");
    await link(live, path.join(root, "stale"));
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const started = systemClock.monotonic();
    await expect(waitForDaemon(path.join(root, "stale"), systemClock, never)).rejects.toMatchObject({
      code: "E_DAEMON_DOWN",
      cause: { code: "ECONNREFUSED" },
    });
    expect(systemClock.monotonic() - started).toBeGreaterThan(900);
  });

  it("can be given up", async () => {
    const interrupt = new AbortController();
    const found = waitForDaemon(path.join(root, "s"), systemClock, interrupt.signal);
    interrupt.abort();
    await expect(found).rejects.toMatchObject({ name: "AbortError" });
  });

  it("does not take something else in the way for a daemon that is down", async () => {
    await expect(waitForDaemon("/etc/hosts/s", new ManualClock(), never)).rejects.toMatchObject({ code: "E_SOCKET" });
  });

  it("trusts a directory only when it is one, and of this user", async () => {
    const uid = process.getuid?.() ?? 0;
    await mkdir(path.join(root, "real"));
    await symlink(path.join(root, "real"), path.join(root, "link"));
    expect(ownsDirectory(path.join(root, "real"), uid)).toBe(true);
    expect(ownsDirectory(path.join(root, "real"), uid + 1)).toBe(false);
    expect(ownsDirectory(path.join(root, "link"), uid)).toBe(false);
    expect(ownsDirectory(path.join(root, "missing"), uid)).toBe(false);
  });
});
