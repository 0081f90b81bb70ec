import { spawnSync } from "node:child_process";
import { chmod, lstat, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { CLIENT_API_VERSION } from "../../src/control/client.ts";
import { API_VERSION, type ControlEvent } from "../../src/control/schema.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";

const socketOf = (daemon: TestDaemon) => path.join(daemon.home, "run", "control.sock");

/** One request as some other program would make it. */
function raw(daemon: TestDaemon, method: string, target: string, body = ""): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked: ClientRequest = request(
      {
        socketPath: socketOf(daemon),
        path: target,
        method,
        headers: { "content-type": "application/json" },
        agent: false,
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}

describe("the control socket", () => {
  it("answers no HEAD, whose answer nobody would read to its end", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    expect(await raw(anna, "HEAD", "/v1/events")).toMatchObject({ status: 400, text: "" });
    const { status, text } = await raw(anna, "GET", "/v1/id");
    expect([status, JSON.parse(text)]).toMatchObject([200, { name: "anna" }]);
  });

  it("is private", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    expect((await lstat(socketOf(anna))).mode & 0o777).toBe(0o600);
    expect((await lstat(path.dirname(socketOf(anna)))).mode & 0o777).toBe(0o700);
  });

  it.runIf(process.getuid?.() === 0)("cannot be reached by another user", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    await chmod(room.directory, 0o755);
    await chmod(anna.home, 0o755);
    const script = "require('net').connect(process.argv[1]).on('error', (error) => console.log(error.code))";
    const other = spawnSync(process.execPath, ["-e", script, socketOf(anna)], { uid: 65_534, encoding: "utf8" });
    expect(other.stdout).toBe("EACCES\n");
    await chmod(anna.home, 0o700);
  });

  it("is gone after an orderly end", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    await anna.stop();
    await expect(lstat(socketOf(anna))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("lets one daemon live: a second one of the same user refuses to start and disturbs nothing", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const inode = (await lstat(socketOf(anna))).ino;
    await expect(anna.start()).rejects.toMatchObject({ code: "E_RUNNING" });
    expect((await lstat(socketOf(anna))).ino).toBe(inode);
    expect((await raw(anna, "GET", "/v1/id")).status).toBe(200);
  });

  it("is taken over when nobody answers on it any more", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    await anna.stop();
    // What kill -9 leaves: a socket without a listener.
    leaveStaleSocket(socketOf(anna));
    await anna.start();
    expect((await raw(anna, "GET", "/v1/id")).status).toBe(200);
  });

  it.each([
    ["open to others", (dir: string) => chmod(dir, 0o755), /its mode is 0755/],
    [
      "a link",
      async (dir: string) => {
        await rename(dir, `${dir}.real`);
        await symlink(`${dir}.real`, dir);
      },
      /not a directory/,
    ],
  ] as const)("is not put into a directory that is %s", async (_, spoil, message) => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    await anna.stop();
    const dir = path.dirname(socketOf(anna));
    await spoil(dir);
    await expect(anna.start()).rejects.toMatchObject({ code: "E_SOCKET", message: expect.stringMatching(message) });
    await chmod(dir, 0o700);
  });

  it("never replaces a file that is not a socket", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    await anna.stop();
    await mkdir(path.dirname(socketOf(anna)), { recursive: true });
    await writeFile(socketOf(anna), "mine");
    await expect(anna.start()).rejects.toMatchObject({ code: "E_SOCKET" });
    expect((await lstat(socketOf(anna))).size).toBe(4);
  });

  it("answers nonsense with an error that has a code, and lives", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const cases: [string, string, string?][] = [
      ["GET", "/nowhere"],
      ["POST", "/v1/transfers", "{"],
      ["POST", "/v1/transfers", "[]"],
      ["POST", "/v1/transfers", '{"peer":1,"paths":["/x"]}'],
      ["POST", "/v1/transfers", '{"peer":"x","paths":[]}'],
      ["POST", "/v1/transfers", '{"peer":"x","paths":["a"]}'],
      ["POST", "/v1/transfers", JSON.stringify({ peer: "x".repeat(10_000_000), paths: ["/x"] })],
      ["POST", "/v1/invites", '{"ttl":1}'],
      ["POST", "/v1/invites", '{"ttl":1e12}'],
      ["POST", "/v1/peers", '{"name":"x","host":"y","port":0}'],
      ["PUT", "/v1/settings/nothing", '{"value":1}'],
      ["PUT", "/v1/settings/port", '{"value":"ninety"}'],
      ["DELETE", "/v1/transfers/%00%1b"],
      ["DELETE", "/v1/devices/__proto__"],
      ["GET", "/v1/history?limit=-1"],
    ];
    for (const [method, target, body] of cases) {
      const answer = await raw(anna, method, target, body).catch((error: Error) => ({
        status: 400,
        text: error.message,
      }));
      expect([method, target, answer.status >= 400 && answer.status < 500, answer.text.slice(0, 120)]).toEqual([
        method,
        target,
        true,
        expect.stringMatching(/E_|EPIPE|ECONNRESET/),
      ]);
    }
    expect((await raw(anna, "GET", "/v1/id")).status).toBe(200);
  });

  it("survives a hundred clients, half of which vanish", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const sockets = Array.from({ length: 50 }, () => connect(socketOf(anna)));
    for (const socket of sockets) socket.on("error", () => {}).end("\0\xff garbage without a line");
    const rude = Array.from({ length: 50 }, () => connect(socketOf(anna)));
    for (const socket of rude) {
      socket.on("error", () => {}).write("GET /v1/events HTTP/1.1\r\nhost: d\r\n\r\n");
      socket.once("data", () => socket.destroy());
    }
    await eventually("all have gone", async () => rude.every((socket) => socket.destroyed) || undefined);
    for (const socket of sockets) socket.destroy();
    expect((await raw(anna, "GET", "/v1/id")).status).toBe(200);
  });

  it("takes a client that leaves in the middle of its request for no error of its own", async () => {
    await using room = await Room.open(); // which fails for a line of that level in the log
    const anna = await room.daemon("anna");
    const head = "POST /v1/transfers HTTP/1.1\r\nhost: d\r\ncontent-type: application/json\r\n";
    const beginnings = [`content-length: 1000\r\n\r\n{"peer":`, `transfer-encoding: chunked\r\n\r\n8\r\n{"peer":`];
    const rude = Array.from({ length: 20 }, () => connect(socketOf(anna)));
    for (const [n, socket] of rude.entries()) socket.on("error", () => {}).write(`${head}${beginnings[n % 2]}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const socket of rude) socket.destroy();
    expect((await raw(anna, "GET", "/v1/id")).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it("speaks the version that the client expects", () => {
    expect(CLIENT_API_VERSION).toBe(API_VERSION);
  });
});

describe("the event stream", () => {
  it("begins with a snapshot and then tells what changes, numbered", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.sees(anna);
    const stop = new AbortController();
    const seen: ControlEvent[] = [];
    const watching = (async () => {
      for await (const event of bert.client.events(stop.signal)) seen.push(event);
    })();
    await eventually("the snapshot", async () => seen[0]);
    expect(seen[0]).toMatchObject({
      type: "snapshot",
      seq: 0,
      peers: [{ id: anna.id, petname: "anna" }],
      transfers: [],
    });
    await anna.deliver(bert, [await anna.write("a.txt", "hello")]);
    await eventually("the end", async () =>
      seen.find((event) => event.type === "transfer" && event.transfer.state === "done"),
    );
    stop.abort();
    await watching;
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, i) => i));
  });

  it("closes a reader that never reads, and the daemon goes on", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const idle = connect(socketOf(bert));
    idle.on("error", () => {});
    idle.write("GET /v1/events HTTP/1.1\r\nhost: d\r\n\r\n");
    idle.pause();
    for (let i = 0; i < 40; i++) await anna.deliver(bert, [await anna.write(`${i}.txt`, "x")]);
    expect((await raw(bert, "GET", "/v1/id")).status).toBe(200);
    idle.destroy();
  });
});

describe("settings", () => {
  it("are checked, kept and told where they come from", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const set = (name: string, value: unknown) =>
      anna.client.call("put", "/v1/settings/:name", { param: { name }, json: { value } });
    expect(await set("limits.transfer", 5000)).toMatchObject({ value: 5000, source: "file" });
    expect(await set("limits.transfer", "6000")).toMatchObject({ value: 6000 });
    await expect(set("limits.transfer", -1)).rejects.toMatchObject({ code: "E_SETTING" });
    await expect(set("constructor", 1)).rejects.toMatchObject({ code: "E_SETTING" });
    await anna.stop();
    await anna.start();
    const { settings } = await anna.client.call("get", "/v1/settings", {});
    expect(settings.find(({ name }) => name === "limits.transfer")).toMatchObject({ value: 6000, source: "file" });
    const unset = await anna.client.call("delete", "/v1/settings/:name", { param: { name: "limits.transfer" } });
    expect(unset).toMatchObject({ value: 0, source: "default" });
  });
});

/** Binds a socket in another process that is killed: the path stays, the listener does not. */
function leaveStaleSocket(file: string): void {
  const script = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  spawnSync(process.execPath, ["-e", script, file]);
}
