/**
 * A network that is slow, breaks or falls silent, on one port of this machine:
 * it passes bytes on to another port and does to them what a test asks for. It
 * knows nothing of what it passes on but where a TLS record ends.
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** From who connects to whom it connects to, or from that one back. */
export type Direction = "there" | "back";
export type End = "fin" | "reset";

export interface Conditions {
  /** Of each piece on its way, milliseconds. @default 0 */
  readonly delayMs?: number;
  /** In each direction. @default no limit */
  readonly bytesPerSecond?: number;
  /** Bytes of the largest piece that is passed on in one go. @default as they come */
  readonly piece?: number;
}

export interface Cut {
  readonly direction: Direction;
  /** What passes in this direction before. */
  readonly after: { readonly bytes: number } | { readonly records: number };
  readonly end: End;
}

/** Bytes that are read before they can be passed on. */
const AHEAD = 64 * 1024;
const RECORD_HEADER = 5;

export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  /** What has passed since the last `begin`. */
  passed = { there: { bytes: 0, records: 0 }, back: { bytes: 0, records: 0 } };
  /** @internal */
  overhear: (chunk: Buffer) => void = () => {};
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #conditions: Conditions = {};
  #cut: Cut | undefined;
  #silent = new Set<Direction>();
  #spoken: () => void = () => {};
  #speaks: Promise<void> = Promise.resolve();

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port; // a TCP server that listens has an address of this kind
    server.on("connection", (socket) => {
      const connection = new Connection(
        this,
        socket,
        connect({ port: target, host: "127.0.0.1", allowHalfOpen: true }),
      );
      this.#connections.add(connection);
      void connection.gone.then(() => this.#connections.delete(connection));
    });
  }

  /** Listens on a port of its own for what is to go to `target`. */
  static async open(target: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TcpProxy(server, target);
  }

  /** Connections that pass here now. */
  get open(): number {
    return this.#connections.size;
  }

  /** Forgets all faults and counts; `conditions` hold from now on, for connections that are open too. */
  begin(conditions: Conditions = {}): void {
    this.#conditions = conditions;
    this.#cut = undefined;
    this.passed = { there: { bytes: 0, records: 0 }, back: { bytes: 0, records: 0 } };
    this.#silent.clear();
    this.#spoken();
  }

  /** Ends the connection that has passed so much on, once. */
  cutAt(cut: Cut): void {
    this.#cut = cut;
  }

  /** Ends every connection at once. */
  cut(end: End): void {
    for (const connection of this.#connections) connection.cut(end);
  }

  /** All that passes from now on, in either direction, in the order in which it came. */
  listenIn(): Buffer[] {
    const overheard: Buffer[] = [];
    this.overhear = (chunk) => void overheard.push(chunk);
    return overheard;
  }

  /** Lets nothing pass any more, not even the end of a connection, until `begin`. What comes meanwhile is kept. */
  fallSilent(...directions: readonly Direction[]): void {
    if (this.#silent.size === 0) {
      this.#speaks = new Promise((resolve) => {
        this.#spoken = resolve;
      });
    }
    for (const direction of directions) this.#silent.add(direction);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.begin();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.#connections) connection.cut("reset");
    await closed;
  }

  /** How many bytes of `chunk` may pass before a cut; all of them when it does not come to that. @internal */
  allowance(direction: Direction, chunk: Buffer, meter: Meter): number {
    const counts = this.passed[direction];
    const cut = this.#cut?.direction === direction ? this.#cut.after : undefined;
    const left = cut !== undefined && "bytes" in cut ? cut.bytes - counts.bytes : Number.POSITIVE_INFINITY;
    const ends = meter.recordEnds(chunk);
    const last = cut !== undefined && "records" in cut ? cut.records - counts.records : Number.POSITIVE_INFINITY;
    const passes = Math.min(chunk.length, left, last <= 0 ? 0 : (ends[last - 1] ?? chunk.length));
    counts.bytes += passes;
    counts.records += ends.filter((end) => end <= passes).length;
    return passes;
  }

  /** Takes the cut that is due, if one is. @internal */
  takeCut(direction: Direction): End | undefined {
    const cut = this.#cut;
    if (cut?.direction !== direction) return undefined;
    const { bytes, records } = this.passed[direction];
    const due = "bytes" in cut.after ? bytes >= cut.after.bytes : records >= cut.after.records;
    if (!due) return undefined;
    this.#cut = undefined;
    return cut.end;
  }

  /** @internal */
  get conditions(): Conditions {
    return this.#conditions;
  }

  /** Resolves when something may pass. @internal */
  async speaks(direction: Direction): Promise<void> {
    while (this.#silent.has(direction)) await this.#speaks;
  }
}

class Connection {
  /** Resolves when both ends are closed. */
  readonly gone: Promise<unknown>;
  readonly #sockets: readonly Socket[];

  constructor(proxy: TcpProxy, client: Socket, server: Socket) {
    this.#sockets = [client, server];
    this.gone = Promise.all(this.#sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      socket.on("error", () => {}); // told to the other end by its closing
    }
    void this.#pass(proxy, "there", client, server);
    void this.#pass(proxy, "back", server, client);
  }

  cut(end: End): void {
    for (const socket of this.#sockets) {
      if (end === "reset") socket.resetAndDestroy();
      else socket.end(() => socket.destroy());
    }
  }

  async #pass(proxy: TcpProxy, direction: Direction, from: Socket, to: Socket): Promise<void> {
    const meter = new Meter();
    const onTheirWay: Promise<unknown>[] = [];
    let waiting = 0;
    try {
      // A half that has ended leaves the other one open.
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        proxy.overhear(chunk);
        const { delayMs = 0, bytesPerSecond, piece = chunk.length } = proxy.conditions;
        for (let at = 0; at < chunk.length; at += piece) {
          await proxy.speaks(direction);
          const whole = chunk.subarray(at, at + piece);
          const part = whole.subarray(0, proxy.allowance(direction, whole, meter));
          const pass = async () => {
            if (delayMs > 0) await sleep(delayMs);
            await proxy.speaks(direction);
            await write(to, part);
            waiting -= part.length;
          };
          waiting += part.length;
          if (delayMs > 0) onTheirWay.push(pass());
          else await pass();
          while (waiting > AHEAD) await onTheirWay.shift();
          const end = proxy.takeCut(direction);
          if (end !== undefined) {
            await Promise.all(onTheirWay);
            return this.cut(end);
          }
          if (bytesPerSecond !== undefined) await sleep((part.length / bytesPerSecond) * 1000);
        }
      }
      await Promise.all(onTheirWay);
      await proxy.speaks(direction);
      to.end();
    } catch {
      await proxy.speaks(direction);
      if (!to.destroyed) to.resetAndDestroy();
    }
  }
}

/** Finds where TLS records end in a stream, however it is cut into chunks. */
class Meter {
  readonly #header: number[] = [];
  #left = 0;

  /** Positions in `chunk` right behind the last byte of a record. */
  recordEnds(chunk: Buffer): number[] {
    const ends: number[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) {
        this.#header.push(chunk[at++] ?? 0);
        if (this.#header.length < RECORD_HEADER) continue;
        this.#left = ((this.#header[3] ?? 0) << 8) | (this.#header[4] ?? 0);
        this.#header.length = 0;
      } else {
        const take = Math.min(this.#left, chunk.length - at);
        this.#left -= take;
        at += take;
        if (this.#left === 0) ends.push(at);
      }
    }
    return ends;
  }
}

function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (bytes.length === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    if (socket.destroyed) reject(new Error("closed"));
    else socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
