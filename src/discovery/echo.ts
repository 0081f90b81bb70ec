/**
 * Whether multicast works on an interface, as far as one machine can tell: a
 * question that nobody can answer is sent to the group, and has to come back,
 * since the system gives every listener of this machine a copy. What an access
 * point or a switch does with it is not seen.
 */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Clock } from "../core/clock.ts";
import { systemCode } from "../core/errors.ts";
import type { LinkAddress } from "./interfaces.ts";

const PORT = 5353;
const GROUP = { 4: "224.0.0.251", 6: "ff02::fb" } as const; // RFC 6762 section 3
const ATTEMPTS = 3;
const PAUSE_MS = 300;
/** How long the system may still check whether an address is free, which cannot be sent from until then (RFC 4862; milliseconds). */
const CHECKED_MS = 3_000;

export type Echo =
  | { readonly is: "heard" }
  | { readonly is: "silence" }
  /** The system did not even let us try. */
  | { readonly is: "refused"; readonly code: string };

/** Never rejects. `token` has to be new each time, at most 40 letters and digits. Takes a second, or four where an address is new. */
export async function echo(
  link: Pick<LinkAddress, "interface" | "family" | "address">,
  token: string,
  clock: Clock,
): Promise<Echo> {
  const socket = socketOf(link.family);
  const heard = new AbortController();
  socket.on("message", (packet: Buffer, _from: RemoteInfo) => {
    if (packet.includes(token)) heard.abort();
  });
  try {
    await bound(socket, link.family);
    const card = link.family === 4 ? link.address : `::%${link.interface}`;
    socket.addMembership(GROUP[link.family], card);
    socket.setMulticastInterface(card);
    socket.setMulticastLoopback(true);
    const group = link.family === 4 ? GROUP[4] : `${GROUP[6]}%${link.interface}`;
    const checked = clock.monotonic() + CHECKED_MS;
    for (let i = 0; i < ATTEMPTS && !heard.signal.aborted; ) {
      const wasSent = await sent(socket, question(token), group).then(
        () => true,
        (error) => {
          if (systemCode(error) !== "EADDRNOTAVAIL" || clock.monotonic() >= checked) throw error;
          return false;
        },
      );
      if (wasSent) i++;
      await clock.sleep(PAUSE_MS, heard.signal).catch(() => {});
    }
    return { is: heard.signal.aborted ? "heard" : "silence" };
  } catch (error) {
    return { is: "refused", code: systemCode(error) ?? String(error) };
  } finally {
    await closed(socket);
  }
}

/** Whether a program holds UDP 5353, of IPv4 or of IPv6, so that nobody can listen there beside it. Never rejects. */
export async function isHeldAlone(): Promise<boolean> {
  return (await Promise.all([isHeld(4), isHeld(6)])).includes(true);
}

async function isHeld(family: 4 | 6): Promise<boolean> {
  const socket = socketOf(family);
  try {
    await bound(socket, family);
    return false;
  } catch (error) {
    return systemCode(error) === "EADDRINUSE";
  } finally {
    await closed(socket);
  }
}

function socketOf(family: 4 | 6): Socket {
  return createSocket({ type: family === 4 ? "udp4" : "udp6", reuseAddr: true, ipv6Only: family === 6 });
}

/** RFC 1035 section 4: a header that counts one question, for the address of TOKEN.lanxfer.local. */
export function question(token: string): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = [token, "lanxfer", "local"].map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

function bound(socket: Socket, family: 4 | 6): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(PORT, family === 4 ? "0.0.0.0" : "::", () => {
      socket.off("error", reject);
      socket.on("error", () => {}); // what comes later is silence
      resolve();
    });
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

function sent(socket: Socket, packet: Buffer, group: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(packet, PORT, group, (error) => (error === null ? resolve() : reject(error)));
  });
}
