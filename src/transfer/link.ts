/**
 * A Link is an authenticated connection that carries frames. It knows who is at
 * the other end, keeps memory bounded in both directions, keeps itself alive and
 * notices when the other end is gone. It does not know what the messages mean.
 */

import type { TLSSocket } from "node:tls";
import { unmapped, withoutZone } from "../core/address.ts";
import type { Cancel, Clock } from "../core/clock.ts";
import { LanxferError, toLanxferError, toWire } from "../core/errors.ts";
import type { DeviceId } from "../core/ids.ts";
import type { RateLimit } from "../core/rate-limit.ts";
import { endsOf, UNKNOWN } from "./ends.ts";
import { encodeControl, type Frame, FrameDecoder, writeBlockPrefix } from "./frames.ts";
import type { Proven } from "./gate.ts";
import { Outlet } from "./outlet.ts";
import { ALPN_PAIR, DEAD_MS, HEARTBEAT_MS, MAX_CONTROL, MAX_PAIR_CONTROL, type Message, MiB } from "./wire.ts";

/** Received content that may wait for its reader; above it the socket is paused and TCP slows the sender. */
const QUEUE_HIGH = 2 * MiB;
const QUEUE_LOW = 1 * MiB;
/** What a message counts there, whatever its size: a flood of small ones has to pause the socket too. */
const MESSAGE_WEIGHT = 1024;
/** Bytes given to TLS that the kernel has not taken yet; two blocks keep the cipher busy while one drains. */
const UNSENT_HIGH = 2 * MiB;
/** How often silence is looked for (milliseconds). */
const WATCH_MS = 1_000;
/** How long a close goes on discarding what is under way, so that TCP does not reset our last words (milliseconds). */
const LINGER_MS = 2_000;

export interface LinkOptions {
  readonly clock: Clock;
  /** Memory for received blocks. */
  readonly allocate?: (length: number) => Buffer;
  /** Addresses that this machine has now; a link whose own one is not among them is dead. Not asked when left out. */
  readonly ownAddresses?: (() => ReadonlySet<string> | undefined) | undefined;
}

export class Link {
  readonly peer: DeviceId;
  readonly alpn: string;
  readonly remoteAddress: string;
  readonly #socket: TLSSocket;
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #maxControl: number;
  readonly #stopWatch: Cancel;
  readonly #outlet: Outlet;
  /** How fast is read; undefined for as fast as it comes. */
  #intake: RateLimit | undefined;
  /** The socket is paused for the sake of that. */
  #resting = false;
  /** Bytes that may still come, none of them of a block; undefined when that is not limited. */
  #allowance: number | undefined;
  /** Whether the address at this end is still ours. */
  readonly #isAtHome: () => boolean;
  #timesAway = 0;
  readonly #queue: Frame[] = [];
  #queued = 0;
  #unsent = 0;
  #lastReceived: number;
  #lastSent: number;
  /** The other end has said all it will say. */
  #ended = false;
  /** The bytes stopped making sense; the reader is told after what was good. */
  #garbled: LanxferError | undefined;
  /** Why the link is down. */
  #down: LanxferError | undefined;
  #discarding = false;
  #wakeReader: () => void = () => {};
  #wakeWriters: (() => void)[] = [];

  constructor(socket: TLSSocket, proven: Proven, options: LinkOptions) {
    this.#socket = socket;
    this.peer = proven.peer;
    this.alpn = proven.alpn;
    const { remote = UNKNOWN, local } = endsOf(socket);
    this.remoteAddress = unmapped(remote);
    this.#clock = options.clock;
    const { ownAddresses } = options;
    this.#isAtHome = () => local === undefined || ownAddresses?.()?.has(unmapped(withoutZone(local))) !== false;
    const pairing = proven.alpn === ALPN_PAIR;
    this.#maxControl = pairing ? MAX_PAIR_CONTROL : MAX_CONTROL;
    const allocate = options.allocate ?? ((length) => Buffer.allocUnsafeSlow(length));
    this.#decoder = new FrameDecoder({
      maxControl: this.#maxControl,
      blocks: !pairing,
      allocate: (length) => {
        if (this.#allowance !== undefined) throw new LanxferError("E_PROTO", { text: "a block before it was wanted" });
        return allocate(length);
      },
    });
    this.#outlet = new Outlet(options.clock, (bytes, left) => this.#put(bytes, left));
    this.#lastReceived = this.#lastSent = options.clock.monotonic();
    // Pairing has deadlines of its own and no heartbeats.
    this.#stopWatch = pairing ? () => {} : options.clock.every(WATCH_MS, () => this.#watch());
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => this.#end());
    socket.on("error", (error) => this.destroy(new LanxferError("E_LOST", { text: error.message }, { cause: error })));
    // Without "end" before it the connection was cut: that is no end of the stream.
    socket.on("close", () => this.destroy());
  }

  /** How long nothing has been heard (milliseconds). */
  get silence(): number {
    return this.#clock.monotonic() - this.#lastReceived;
  }

  /** Keying material bound to this connection (RFC 8446 section 7.5). */
  exportKey(label: string, context: Uint8Array, length: number): Buffer {
    return this.#socket.exportKeyingMaterial(length, label, Buffer.from(context));
  }

  /** From now on sends, or reads, no faster than these let it. */
  slowTo(limits: { readonly sending?: readonly RateLimit[]; readonly reading?: RateLimit }): void {
    if (limits.sending !== undefined) this.#outlet.slowTo(limits.sending);
    if (limits.reading !== undefined) this.#intake = limits.reading;
  }

  /**
   * From now on, and until `free`, takes no block and no more than `bytes` in all
   * (E_PROTO): nothing is set aside for one whom nobody trusts yet.
   */
  confine(bytes: number): void {
    this.#allowance = bytes;
  }

  free(): void {
    this.#allowance = undefined;
  }

  /** Sends a message. On a link that is down it does nothing: `flushed` and `frames` tell. */
  send(message: Message | Readonly<Record<string, unknown>>): void {
    this.#write(encodeControl(message, this.#maxControl));
  }

  /** Sends a block whose content stands behind BLOCK_PREFIX in `frame`; `taken` says when `frame` may be reused. */
  sendBlock(entry: number, digest: Uint8Array, frame: Buffer, taken?: () => void): void {
    writeBlockPrefix(frame, entry, digest);
    this.#write(frame, taken);
  }

  /** Resolves when no more than `left` bytes wait to leave: there is room for more. Rejects with why the link is down. */
  async flushed(left = UNSENT_HIGH): Promise<void> {
    while (this.#unsent > left && this.#down === undefined) {
      await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
    }
    if (this.#down !== undefined) throw this.#down;
  }

  /**
   * Everything received, in order. Ends when the other end closes between two
   * frames; throws E_LOST, E_FRAME or the error that was given to `destroy`.
   * For one reader at a time.
   */
  async *frames(): AsyncGenerator<Frame, void> {
    for (;;) {
      const frame = this.#queue.shift();
      if (frame !== undefined) {
        this.#queued -= weight(frame);
        if (this.#queued < QUEUE_LOW) this.#readOn();
        yield frame;
      } else if (this.#garbled !== undefined) {
        throw this.#garbled;
      } else if (this.#ended && this.#decoder.idle) {
        return;
      } else if (this.#ended || this.#down !== undefined) {
        throw this.#down ?? new LanxferError("E_LOST", { text: "the stream ended inside a frame" });
      } else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    }
  }

  /** Tells the other end why, then closes. Never rejects. */
  async refuse(error: LanxferError): Promise<void> {
    this.send({ t: "abort", ...toWire(error) });
    await this.close();
  }

  /** Sends what is still to be sent, then closes, discarding what still comes. Never rejects. Idempotent. */
  async close(): Promise<void> {
    this.#stopWatch();
    this.#discarding = true;
    this.#outlet.hurry();
    if (!this.#socket.destroyed) {
      const closed = new Promise<void>((resolve) => this.#socket.once("close", resolve));
      this.#socket.end();
      this.#socket.resume();
      const cancel = this.#clock.after(LINGER_MS, () => this.#socket.destroy());
      await closed;
      cancel();
    }
    this.destroy();
  }

  /** Closes at once; readers and writers get `reason`. Idempotent: the first reason stays. */
  destroy(reason: LanxferError = new LanxferError("E_LOST")): void {
    this.#down ??= reason;
    this.#stopWatch();
    this.#socket.destroy();
    this.#outlet.hurry(); // whoever waits for its memory gets it back
    this.#wake();
  }

  #receive(chunk: Buffer): void {
    this.#lastReceived = this.#clock.monotonic();
    if (this.#discarding || this.#garbled !== undefined) return;
    try {
      this.#spend(chunk.length);
      for (const frame of this.#decoder.feed(chunk)) {
        this.#queue.push(frame);
        this.#queued += weight(frame);
      }
    } catch (error) {
      this.#garbled = toLanxferError(error);
    }
    this.#rest(this.#intake?.reserve(chunk.length) ?? 0);
    if (this.#queued > QUEUE_HIGH || this.#garbled !== undefined) this.#socket.pause();
    this.#wakeReader();
  }

  #spend(bytes: number): void {
    if (this.#allowance === undefined) return;
    this.#allowance -= bytes;
    if (this.#allowance < 0) throw new LanxferError("E_PROTO", { text: "too much before anything was wanted" });
  }

  /** Reads nothing for so many milliseconds. */
  #rest(ms: number): void {
    if (ms === 0 || this.#resting) return;
    this.#resting = true;
    this.#socket.pause();
    this.#clock.after(ms, () => {
      this.#resting = false;
      if (this.#queued <= QUEUE_HIGH) this.#readOn();
    });
  }

  /** Reads again after a pause, unless there is a reason left for it. */
  #readOn(): void {
    if (!this.#socket.isPaused() || this.#resting || this.#garbled !== undefined) return;
    // Our own pause must not look like the other end's silence.
    this.#lastReceived = this.#clock.monotonic();
    this.#socket.resume();
  }

  #write(frame: Buffer, taken?: () => void): void {
    if (this.#down !== undefined || this.#socket.writableEnded) {
      taken?.();
      return;
    }
    this.#unsent += frame.length;
    this.#outlet.write(frame, () => {
      this.#unsent -= frame.length;
      taken?.();
      if (this.#unsent <= UNSENT_HIGH) this.#wake();
    });
  }

  #put(bytes: Buffer, left: () => void): void {
    if (this.#socket.destroyed) {
      left();
      return;
    }
    this.#lastSent = this.#clock.monotonic();
    // Corked until the end of this turn: what is sent in one go leaves as one write.
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      queueMicrotask(() => this.#socket.uncork());
    }
    this.#socket.write(bytes, left);
  }

  #watch(): void {
    const now = this.#clock.monotonic();
    // The other end would be missed only after 30 s. Once may be an address that is being renewed.
    this.#timesAway = this.#isAtHome() ? 0 : this.#timesAway + 1;
    if (this.#timesAway > 1) {
      this.destroy(new LanxferError("E_LOST", { text: "the address of this device changed" }));
      return;
    }
    if (!this.#socket.isPaused() && now - this.#lastReceived > DEAD_MS) {
      this.destroy(new LanxferError("E_LOST", { text: "nothing heard for 30 s" }));
    } else if (now - this.#lastSent > HEARTBEAT_MS && this.#unsent === 0) {
      this.send({ t: "heartbeat" });
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader();
    const writers = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const wake of writers) wake();
  }
}

function weight(frame: Frame): number {
  return frame.type === "block" ? frame.data.length : MESSAGE_WEIGHT;
}
