/**
 * Real multicast DNS on the loopback interface: nothing leaves the machine. Other
 * programs of the machine may talk there too, so tests look for their own ids.
 */

import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import type { NetworkInterfaceInfo } from "node:os";
import { describe } from "vitest";
import type { OwnRecord } from "../../../../src/discovery/record.ts";
import { codec, type WireRecord } from "./packets.ts";

const GROUP = "224.0.0.251";
const PORT = 5353;
const ADDRESS = "127.0.0.1";

/** The only interface that a test lets discovery see. */
export const LOOPBACK: Readonly<Record<string, NetworkInterfaceInfo[]>> = {
  lo: [
    {
      address: ADDRESS,
      cidr: `${ADDRESS}/8`,
      family: "IPv4",
      netmask: "255.0.0.0",
      mac: "00:00:00:00:00:00",
      internal: true,
    },
  ],
};

export interface Packet {
  readonly type: "query" | "response";
  readonly answers: readonly (WireRecord & { readonly flush: boolean })[];
  readonly additionals: readonly (WireRecord & { readonly flush: boolean })[];
}

/**
 * A network of its own on loopback, as `127.1.2`: a link there takes what comes
 * from elsewhere as off-link, whatever else talks on this machine.
 */
export function ownNetwork(): string {
  return `127.${randomInt(1, 255)}.${randomInt(0, 255)}`;
}

/** Somebody else on the link, who hears all and can say anything. */
export class Observer implements AsyncDisposable {
  readonly packets: Packet[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (bytes) => {
      try {
        this.packets.push(codec.decode(bytes) as unknown as Packet); // what the codec decodes has these fields
      } catch {
        // garbage that the test itself has sent
      }
    });
  }

  /** From another port than 5353 it is no responder. `address` is one of loopback. */
  static async open({ port = PORT, address = ADDRESS } = {}): Promise<Observer> {
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, "0.0.0.0", resolve);
    });
    socket.addMembership(GROUP, address);
    socket.setMulticastInterface(address);
    return new Observer(socket);
  }

  say(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(bytes, PORT, GROUP, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Responses that carry a record whose name or data contains `text`. */
  about(text: string): Packet[] {
    const mentions = ({ name, data }: WireRecord) => name.includes(text) || JSON.stringify(data).includes(text);
    return this.packets.filter(({ type, answers, additionals }) => {
      return type === "response" && [...answers, ...additionals].some(mentions);
    });
  }

  /** Of those the ones that answer a question who is here: announcements have everything in one section. */
  answersAbout(text: string): Packet[] {
    return this.about(text).filter(({ additionals }) => additionals.length > 0);
  }

  /** How often a device asked who is here. */
  questionsOf({ instance }: OwnRecord): number {
    const isIts = ({ type, answers }: Packet) => type === "query" && answers.some(({ data }) => data === instance);
    return this.packets.filter(isIts).length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

const impossible = await reasonAgainst();

/** A `describe` for tests that need multicast on loopback: skipped aloud without it, and failing in CI. */
export function describeOnLoopback(title: string, body: () => void): void {
  if (impossible === undefined || process.env["CI"] === "true") describe(title, body);
  else {
    process.stderr.write(`skipped: ${title}: no multicast on loopback here (${impossible})\n`);
    describe.skip(title, body);
  }
}

async function reasonAgainst(): Promise<string | undefined> {
  try {
    await using observer = await Observer.open();
    const mark = `probe-${process.pid}.local`;
    await observer.say(codec.encode({ type: "response", answers: [{ name: mark, type: "A", ttl: 1, data: ADDRESS }] }));
    for (let tries = 0; tries < 100; tries++) {
      if (observer.about(mark).length > 0) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return "a packet to the group does not come back";
  } catch (error) {
    return String(error);
  }
}
