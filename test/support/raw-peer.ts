/**
 * An end of a connection that says what it likes, when it likes, and reads only
 * when it wants to: for tests of how the other end takes that. It knows frames
 * and TLS, and obeys no rule about them.
 */

import { type AddressInfo, type Socket, connect as tcpConnect } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket, connect as tlsConnect } from "node:tls";
import type { DeviceId } from "../../src/core/ids.ts";
import { DigestList, digestBlock } from "../../src/transfer/blocks.ts";
import { BLOCK_PREFIX, type Frame, FrameDecoder, writeBlockPrefix } from "../../src/transfer/frames.ts";
import type { Credentials } from "../../src/transfer/gate.ts";
import { ALPN_TRANSFER, BLOCK_SIZE } from "../../src/transfer/wire.ts";
import { eventually } from "./process.ts";

type Message = Readonly<Record<string, unknown>>;

export interface RawOptions {
  /** What it shows of itself; no certificate at all when left out. */
  readonly credentials?: Credentials | undefined;
  /** @default the one protocol of transfers */
  readonly alpn?: readonly string[];
  /** Anything else that TLS can be told. */
  readonly tls?: SecureContextOptions & { readonly session?: Buffer };
}

const TIMEOUT_MS = 10_000;

export class RawPeer {
  readonly socket: TLSSocket;
  /** Everything that was received and is a message, in order; heartbeats apart. */
  readonly messages: Message[] = [];
  /** Blocks that were received, without their content. */
  readonly blocks: { readonly entry: number; readonly length: number }[] = [];
  heartbeats = 0;
  /** Bytes of content that were received. */
  receivedBytes = 0;
  /** The other end has said that it will send no more. */
  ended = false;
  readonly #decoder = new FrameDecoder({ maxControl: 1 << 24, blocks: true, allocate: Buffer.alloc });
  readonly #closed: Promise<void>;
  readonly #tcp: Socket | undefined;
  #taken = 0;

  constructor(socket: TLSSocket, tcp?: Socket) {
    this.socket = socket;
    this.#tcp = tcp;
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.setNoDelay(true);
    socket.on("error", () => {}); // how it ends is the other end's choice
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("data", (chunk: Buffer) => {
      for (const frame of this.#decoder.feed(chunk)) this.#keep(frame);
    });
  }

  /** Connects to a port on this machine. Rejects when the handshake fails at this end. */
  static async connect(port: number, { credentials, alpn = [ALPN_TRANSFER], tls = {} }: RawOptions): Promise<RawPeer> {
    const tcp = tcpConnect(port, "127.0.0.1");
    const socket = tlsConnect({
      socket: tcp,
      rejectUnauthorized: false,
      ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
      ...(credentials && { key: credentials.keyPem, cert: credentials.certPem }),
      ...tls,
    });
    const peer = new RawPeer(socket, tcp);
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("closed in the handshake")));
    });
    return peer;
  }

  send(...messages: readonly Message[]): void {
    for (const message of messages) this.sendBytes(controlFrame(message));
  }

  /** A block with the right digest, unless another is given. */
  sendBlock(entry: number, content: Uint8Array, digest?: Uint8Array): void {
    this.sendBytes(blockFrame(entry, content, digest));
  }

  /** All blocks of a file and its end, as they have to be. */
  sendContent(entry: number, content: Uint8Array): void {
    for (const frame of contentFrames(entry, content)) this.sendBytes(frame);
  }

  sendBytes(bytes: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** The next message that was not taken yet and is of one of `types`; those before it are dropped. Rejects when it never comes. */
  async next(...types: readonly string[]): Promise<Message> {
    return eventually(
      `a message "${types}"`,
      () => {
        while (this.#taken < this.messages.length) {
          const message = this.messages[this.#taken++];
          if (message !== undefined && types.includes(String(message["t"]))) return message;
        }
        if (this.socket.destroyed)
          throw new Error(`closed before "${types}": ${JSON.stringify(this.messages.slice(-3))}`);
        return undefined;
      },
      { timeoutMs: TIMEOUT_MS, everyMs: 2 },
    );
  }

  /** Resolves when the connection is gone. */
  async closed(timeoutMs = TIMEOUT_MS): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`still open after ${timeoutMs} ms`)), timeoutMs);
    });
    await Promise.race([this.#closed, late]).finally(() => clearTimeout(timer));
  }

  /** Stops reading: what comes stays in the buffers on the way. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Ends it as a program that is done does. */
  end(): void {
    this.socket.end();
  }

  /** Ends it as a crash does: what is under way is lost. For connections that were made from this end. */
  reset(): void {
    if (this.#tcp === undefined) throw new Error("only the end that connected can reset");
    this.#tcp.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.#closed;
  }

  #keep(frame: Frame): void {
    if (frame.type === "block") {
      this.blocks.push({ entry: frame.entry, length: frame.data.length });
      this.receivedBytes += frame.data.length;
      return;
    }
    const message = frame.payload as Message; // the daemons of these tests send objects
    if (message["t"] === "heartbeat") this.heartbeats++;
    else this.messages.push(message);
  }
}

/** The bytes of a control frame with this payload, whatever it is. */
export function frameOf(payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + payload.length);
  frame.writeUInt32BE(1 + payload.length);
  frame[4] = 1;
  frame.set(payload, 5);
  return frame;
}

export function controlFrame(message: Message): Buffer {
  return frameOf(Buffer.from(JSON.stringify(message)));
}

export function blockFrame(entry: number, content: Uint8Array, digest: Uint8Array = digestBlock(content)): Buffer {
  const frame = Buffer.alloc(BLOCK_PREFIX + content.length);
  frame.set(content, BLOCK_PREFIX);
  writeBlockPrefix(frame, entry, digest);
  return frame;
}

/** All blocks of a file and its end, as they have to be. */
export function contentFrames(entry: number, content: Uint8Array): Buffer[] {
  const frames: Buffer[] = [];
  const digests = new DigestList();
  for (let at = 0; at < content.length; at += BLOCK_SIZE) {
    const data = content.subarray(at, at + BLOCK_SIZE);
    digests.push(digestBlock(data));
    frames.push(blockFrame(entry, data));
  }
  return [...frames, controlFrame({ t: "end", index: entry, root: digests.root() })];
}

/** A listener that hands out its connections as they come. */
export class RawServer {
  readonly id: DeviceId;
  readonly port: number;
  /** All connections that passed the handshake. */
  readonly peers: RawPeer[];
  /** All connections. */
  readonly sockets: Socket[];
  readonly #server: Server;
  #taken = 0;

  private constructor(server: Server, id: DeviceId, peers: RawPeer[], sockets: Socket[]) {
    this.#server = server;
    this.id = id;
    this.peers = peers;
    this.sockets = sockets;
    this.port = (server.address() as AddressInfo).port; // a TCP server that listens has an address of this kind
  }

  static async listen(
    credentials: Credentials,
    { alpn = [ALPN_TRANSFER], tls = {} }: Omit<RawOptions, "credentials"> = {},
  ): Promise<RawServer> {
    const peers: RawPeer[] = [];
    const sockets: Socket[] = [];
    const server = createServer({
      key: credentials.keyPem,
      cert: credentials.certPem,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [...alpn],
      ...tls,
    });
    server.on("connection", (socket: Socket) => void sockets.push(socket));
    server.on("secureConnection", (socket) => void peers.push(new RawPeer(socket)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new RawServer(server, credentials.id, peers, sockets);
  }

  /** The next connection that was not taken yet. */
  async next(): Promise<RawPeer> {
    return eventually(
      "a connection",
      () => {
        const peer = this.peers[this.#taken];
        if (peer !== undefined) this.#taken++;
        return peer;
      },
      { timeoutMs: TIMEOUT_MS, everyMs: 2 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
