import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { type DialOptions, dial } from "../../../src/transfer/dial.ts";
import { connectFailure } from "../../../src/transfer/gate.ts";
import { listen } from "../../../src/transfer/listen.ts";
import { ALPN_PAIR, ALPN_TRANSFER } from "../../../src/transfer/wire.ts";
import { newCredentials } from "../../support/credentials.ts";
import { failureOf } from "../../support/ends.ts";
import { type RawOptions, RawServer } from "../../support/raw-peer.ts";
import { SkippingClock } from "../../support/skipping-clock.ts";

const [ours, theirs] = [newCredentials(), newCredentials()];
const never = new AbortController().signal;

function call(port: number, more: Partial<DialOptions> = {}, clock = new SkippingClock(), signal = never) {
  const options = { host: "127.0.0.1", port, alpn: ALPN_TRANSFER, expect: theirs.id, peer: "bert", ...more };
  return dial(options, { credentials: ours, aes: true, clock }, signal);
}

/** A TCP server without TLS, closed with all of its connections at the end. */
class Plain implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(onConnection: (socket: Socket) => void): Promise<Plain> {
    const server = createServer();
    const plain = new Plain(server);
    server.on("connection", (socket) => {
      plain.#sockets.push(socket);
      socket.on("error", () => {});
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return plain;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // a TCP server that listens has an address of this kind
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe("dialling", () => {
  it("gives a link to the key that was expected, with ours shown to it", async () => {
    await using server = await RawServer.listen(theirs);
    const link = await call(server.port);
    expect([link.peer, link.alpn]).toEqual([theirs.id, ALPN_TRANSFER]);
    link.send({ t: "heartbeat" });
    const peer = await server.next();
    await expect.poll(() => peer.heartbeats).toBe(1);
    expect(peer.socket.getPeerX509Certificate()?.toString()).toContain(ours.certPem.split("\n")[1] ?? "?");
    link.destroy();
  });

  it("gives a link to any key where none is expected, in the protocol that was asked for", async () => {
    await using server = await RawServer.listen(theirs, { alpn: [ALPN_TRANSFER, ALPN_PAIR] });
    const link = await dial(
      { host: "127.0.0.1", port: server.port, alpn: ALPN_PAIR, peer: "bert" },
      { credentials: ours, aes: false, clock: new SkippingClock() },
      never,
    );
    expect([link.peer, link.alpn]).toEqual([theirs.id, ALPN_PAIR]);
    link.destroy();
  });

  it("ends with E_IDENTITY at another key, which is told nothing", async () => {
    const impostor = newCredentials();
    await using server = await RawServer.listen(impostor);
    const error = await failureOf(call(server.port));
    const [expected, got] = [theirs.id, impostor.id];
    expect(error).toMatchObject({ code: "E_IDENTITY", details: { peer: "bert", expected, got } });
    for (const peer of server.peers) {
      await peer.closed();
      expect([peer.messages, peer.receivedBytes]).toEqual([[], 0]);
    }
  });

  it.each<[string, Omit<RawOptions, "credentials">, string]>([
    ["that speaks another version", { alpn: ["lanxfer/2"] }, "E_VERSION"],
    ["that agrees on no protocol", { alpn: [] }, "E_VERSION"],
    ["with TLS 1.2 only", { tls: { maxVersion: "TLSv1.2" } }, "E_VERSION"],
  ])("ends at a server %s", async (_, options, code) => {
    await using server = await RawServer.listen(theirs, options);
    expect(await failureOf(call(server.port))).toMatchObject({ code, details: { peer: "bert" } });
  });

  it("ends at a port that is closed, at once and in plain words", async () => {
    const { port } = await Plain.listen(() => {}).then(async (plain) => {
      const { port } = plain;
      await plain[Symbol.asyncDispose]();
      return { port };
    });
    expect((await failureOf(call(port))).message).toBe("bert is not reachable: connection refused");
  });

  it.each<[string, (socket: Socket) => void]>([
    ["hangs up", (socket) => socket.destroy()],
    ["says goodbye", (socket) => socket.end()],
    ["resets", (socket) => socket.resetAndDestroy()],
    ["speaks HTTP", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["speaks SSH", (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n")],
  ])("ends at a server that %s in the handshake", async (_, act) => {
    await using plain = await Plain.listen(act);
    expect(await failureOf(call(plain.port))).toMatchObject({ code: "E_UNREACHABLE" });
  });

  it("ends after 10 s at a server that says nothing", async () => {
    await using plain = await Plain.listen((socket) => socket.resume());
    const clock = new SkippingClock();
    const failing = failureOf(call(plain.port, {}, clock));
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.skip(10_000);
    expect(await failing).toMatchObject({ code: "E_TIMEOUT", details: { peer: "bert" } });
  });

  it("ends with the reason when it is called off, before or meanwhile", async () => {
    await using plain = await Plain.listen((socket) => socket.resume());
    const reason = new LanxferError("E_CANCELLED");
    await expect(call(plain.port, {}, new SkippingClock(), AbortSignal.abort(reason))).rejects.toBe(reason);
    const cancel = new AbortController();
    const calling = call(plain.port, {}, new SkippingClock(), cancel.signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    cancel.abort(reason);
    await expect(calling).rejects.toBe(reason);
  });
});

describe("what went wrong while connecting", () => {
  it.each([
    ["EHOSTUNREACH", "bert is not reachable: no route to host"],
    ["ENETUNREACH", "bert is not reachable: network unreachable"],
    ["ETIMEDOUT", "bert is not reachable: timed out"],
    ["ENOTFOUND", "bert is not reachable: getaddrinfo ENOTFOUND"],
  ])("is said in words: %s", (code, message) => {
    const error = Object.assign(new Error(`getaddrinfo ${code}`), { code });
    expect(connectFailure(error, "bert").message).toBe(message);
  });
});

describe("listening", () => {
  const options = (port: number, onRefused: (reason: string) => void = () => {}) => ({
    port,
    credentials: theirs,
    aes: true,
    places: 256,
    clock: new SkippingClock(),
    allocate: Buffer.alloc,
    onLink: () => true,
    onRefused,
  });

  it("takes another port where the wanted one is taken", async () => {
    await using plain = await Plain.listen(() => {});
    // On the same address, or it would not be taken.
    const first = await listen(options(0));
    const second = await listen(options(first.port));
    expect(second.port).not.toBe(first.port);
    expect(second.port).not.toBe(plain.port);
    await Promise.all([first.close(), second.close()]);
  });

  it("ends with all of its connections, twice does no harm", async () => {
    const listener = await listen(options(0));
    const link = await call(listener.port);
    const reading = failureOf(link.frames().next());
    listener.stop();
    await Promise.all([listener.close(), listener.close()]);
    await reading.catch(() => {}); // ends, or ends with a loss
    expect(await failureOf(call(listener.port))).toMatchObject({ code: "E_UNREACHABLE" });
    link.destroy();
  });

  it("goes on with those that are connected after it has stopped to take new ones", async () => {
    const listener = await listen(options(0));
    const link = await call(listener.port);
    listener.stop();
    expect(await failureOf(call(listener.port))).toMatchObject({ code: "E_UNREACHABLE" });
    link.send({ t: "heartbeat" });
    await link.flushed();
    link.destroy();
    await listener.close();
  });
});
