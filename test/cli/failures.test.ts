import { link, mkdir, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import net from "node:net";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { differences, untouched } from "../support/tree.ts";
import { objects, Place, poll, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

describe("lanxferctl without a daemon", () => {
  it("says how to start one and exits with 3", async () => {
    const place = await Place.open();
    const before = await place.tree();
    const result = await place.ctl(["peers"]);
    await expect(transcript(["peers"], result)).toMatchFileSnapshot("golden/no-daemon.txt");
    expect(differences(before, await place.tree(), untouched)).toEqual([]);
  });

  it("says so to programs as the only line", async () => {
    const place = await Place.open();
    await expect(transcript(["peers", "--json"], await place.ctl(["peers", "--json"]))).toMatchFileSnapshot(
      "golden/no-daemon-json.txt",
    );
  });

  it("does not wait for one where none was ever started", async () => {
    const place = await Place.open();
    await rm(path.dirname(place.socket), { recursive: true });
    const { code, ms } = await place.ctl(["peers"]);
    expect(code).toBe(3);
    const waiting = await (await Place.open()).ctl(["peers"]);
    expect(waiting.ms - ms).toBeGreaterThan(500); // there it may be about to start
  });

  it("takes a socket that was left behind for none", async () => {
    const place = await Place.open();
    const live = path.join(place.home, "live.sock");
    const server = net.createServer().listen(live);
    await new Promise((resolve) => server.once("listening", resolve));
    await link(live, place.socket); // stays when the server takes its own name away
    await new Promise((resolve) => server.close(resolve));
    const result = await place.ctl(["-v", "peers"]);
    const steady = { ...result, stderr: result.stderr.replaceAll(place.home, "<home>") };
    await expect(transcript(["-v", "peers"], steady)).toMatchFileSnapshot("golden/stale-socket.txt");
  });

  it("waits a moment for one that is starting", async () => {
    const place = await Place.open();
    const running = place.start(["id"]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(running.ended).toBe(false);
    await place.daemon({ identity: () => views.IDENTITY });
    expect(await running.finished).toMatchObject({ code: 0, stderr: "" });
  });

  it("can be given up while it waits", async () => {
    const place = await Place.open();
    const running = place.start(["id", "--json"]);
    await new Promise((resolve) => setTimeout(resolve, 600)); // it says nothing to wait for
    expect(await running.stop("SIGINT")).toMatchObject({ code: 130, stderr: "" });
    expect(objects(running.stdout)).toMatchObject([{ event: "done", exit: 130 }]);
  });
});

describe("The socket of lanxferctl", () => {
  it("is LANXFER_SOCKET where that is set", async () => {
    const place = await Place.open();
    await place.daemon({ identity: () => views.IDENTITY });
    const env = { LANXFER_SOCKET: place.socket, XDG_RUNTIME_DIR: "/nowhere" };
    expect(await place.ctl(["id"], { env })).toMatchObject({ code: 0 });
  });

  it("is under the state directory where there is no runtime directory", async () => {
    const place = await Place.open();
    await mkdir(path.join(place.home, ".local/state/lanxfer"), { recursive: true });
    await place.daemon({ identity: () => views.IDENTITY });
    await link(place.socket, path.join(place.home, ".local/state/lanxfer/control.sock"));
    // A relative path is to be ignored. A directory of this user in /run/user would come first.
    const { code, stdout } = await place.ctl(["id"], { env: { XDG_RUNTIME_DIR: "run" } });
    const { default: fs } = await import("node:fs");
    if (fs.existsSync(`/run/user/${process.getuid?.()}`)) expect([0, 3]).toContain(code);
    else expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("desk") });
  });

  it.each([
    ["too long, which the system would cut", `/${"x".repeat(120)}`, 1],
    ["relative", "control.sock", 2],
  ])("is refused when its path is %s", async (_, socket, code) => {
    const place = await Place.open();
    const result = await place.ctl(["id"], { env: { LANXFER_SOCKET: socket } });
    expect(result).toMatchObject({ code, stdout: "" });
    await expect(transcript(["id"], result)).toMatchFileSnapshot(`golden/socket-refused-${code}.txt`);
  });

  it("is refused when a file stands in its way", async () => {
    const place = await Place.open();
    const result = await place.ctl(["id"], { env: { LANXFER_SOCKET: "/etc/hosts/control.sock" } });
    expect(result).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("cannot use /etc/hosts for the control socket"),
    });
  });
});

/** Something else that speaks HTTP at the socket. */
async function answering(place: Place, answer: RequestListener): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(place.socket, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
}

describe("lanxferctl with a daemon that is not as it should be", () => {
  it("names both versions and what to do when it speaks another API", async () => {
    const place = await Place.open();
    await answering(place, (_, response) => response.setHeader("lanxfer-version", "9.9.9 api=2").end("{}"));
    for (const [args, golden] of [
      [["peers", "--json"], "daemon-version"],
      [["send", "alice", "x"], "daemon-version-send"],
    ] as const) {
      await expect(transcript(args, await place.ctl(args))).toMatchFileSnapshot(`golden/${golden}.txt`);
    }
  });

  it.each([
    ["says it has failed, in a way that is not known", 500, '{"error":{"code":"E_NEW","message":"\x1b[2J"}}', 1],
    ["answers with something that is not JSON", 200, "<html>", 1],
    ["reports an error of ours", 404, '{"error":{"code":"E_NO_PEER","message":"no peer \\"\\u001b[2J\\""}}', 4],
  ])("exits with the right status when it %s", async (_, status, body, code) => {
    const place = await Place.open();
    await answering(place, (_request, response) => {
      response.statusCode = status;
      response.setHeader("lanxfer-version", "0.1.0 api=1").end(body);
    });
    const result = await place.ctl(["peers"]);
    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toMatch(/^lanxferctl: error: [^\x1b]+\n/);
    expect(result.stderr).not.toMatch(/\bat .*\.js:/);
  });

  it("exits with 3 when it dies while it answers", async () => {
    const place = await Place.open();
    await answering(place, (_, response) => {
      response.setHeader("lanxfer-version", "0.1.0 api=1");
      response.write('{"peers":[');
      setTimeout(() => response.destroy(), 50);
    });
    expect(await place.ctl(["peers"])).toMatchObject({ code: 3, stdout: "" });
  });

  it("does not print a stack, whatever it is sent", async () => {
    const place = await Place.open();
    await answering(place, (_, response) => response.setHeader("lanxfer-version", "0.1.0 api=1").end('{"peers":[{}]}'));
    const result = await place.ctl(["-v", "peers", "--json"]);
    const plain = await place.ctl(["-v", "peers"]);
    for (const { stdout, stderr } of [result, plain]) expect(stdout + stderr).not.toMatch(/^\s+at /m);
    expect(plain).toMatchObject({ code: 1, stderr: expect.stringMatching(/^lanxferctl: error: internal error: /) });
  });
});

describe("The output of lanxferctl", () => {
  const many = async () => Array.from({ length: 20_000 }, (_, n) => views.peer({ name: `peer ${n}` }));

  it("may be cut short by who reads it, without a word", async () => {
    const place = await Place.open();
    await place.daemon({ peers: many });
    for (const args of ["peers", "peers --json"]) {
      const { code, stdout, stderr } = await place.shell(`$CTL ${args} | head -n 1`);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout.split("\n")).toHaveLength(2);
    }
  });

  it("ends the commands that only print when its reader leaves", async () => {
    const place = await Place.open();
    const daemon = await place.daemon({});
    const shell = place.shell("$CTL watch --json | head -n 1");
    await poll(() => daemon.watched).toBe(true);
    const more = setInterval(() => daemon.emit({ type: "peer", change: "up", peer: views.peer() }), 20);
    const { code, stderr } = await shell;
    clearInterval(more);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("that could not be written is an error, as the data is lost", async () => {
    const place = await Place.open();
    await place.daemon({ peers: many });
    const { code, stderr } = await place.shell("$CTL peers > /dev/full");
    expect(code).toBe(11);
    expect(stderr).toMatch(/^lanxferctl: error: cannot use standard output: .*ENOSPC/);
  });

  it("has no colour, with or without NO_COLOR", async () => {
    const place = await Place.open();
    await place.daemon({ peers: async () => [views.peer()] });
    const { stdout } = await place.onTerminal(["peers"]).finished;
    expect(stdout).toMatch(/^NAME/);
    expect(stdout).not.toContain("\x1b");
  });
});
