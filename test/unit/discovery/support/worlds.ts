/**
 * The same network twice: in memory with a clock that stands, and real multicast
 * on loopback with the real clock, hurried. Devices answer probes over real TCP
 * in the second one.
 */

import { connect as connectTcp, createServer, type Server } from "node:net";
import type { Clock } from "../../../../src/core/clock.ts";
import { type DeviceId, isDeviceId } from "../../../../src/core/ids.ts";
import { silentLog } from "../../../../src/core/log.ts";
import { createMdnsDiscovery } from "../../../../src/discovery/mdns.ts";
import { MemoryLan } from "../../../../src/discovery/memory.ts";
import type { Discovery, Peer, PeerEvent, Probe } from "../../../../src/discovery/types.ts";
import { hurried, ManualClock } from "./clock.ts";
import { LOOPBACK } from "./loopback.ts";
import { idOf } from "./packets.ts";

/** A device of a world. */
export interface Device {
  readonly id: DeviceId;
  readonly port: number;
  readonly discovery: Discovery;
  readonly events: PeerEvent[];
  /** Takes the cable out. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
  /** As kill -9 does. */
  kill(): Promise<void>;
  /** An orderly end. */
  stop(): Promise<void>;
}

export interface World extends AsyncDisposable {
  readonly clock: Clock;
  /** Starts a device; a seed that was there before is the same device, started anew. */
  device(seed: string): Promise<Device>;
  /** Lets that much of the world's time pass. */
  pass(ms: number): Promise<void>;
}

/** Resolves to what `ask` gives; the test fails when `ms` of the world's time do not bring it. */
export async function within<T>(world: World, ms: number, ask: () => T | undefined): Promise<T> {
  const end = world.clock.monotonic() + ms;
  for (;;) {
    const answer = ask();
    if (answer !== undefined) return answer;
    if (world.clock.monotonic() > end) throw new Error(`not within ${ms} ms`);
    await world.pass(50);
  }
}

export function peerOf(device: Device, { id }: { readonly id: DeviceId }): Peer | undefined {
  return device.discovery.peers().find((peer) => peer.id === id);
}

/** Events about one peer, as words. */
export function eventsOf(device: Device, { id }: { readonly id: DeviceId }): string[] {
  return device.events.filter(({ peer }) => peer.id === id).map(({ change, peer }) => `${change} ${peer.state}`);
}

export async function memoryWorld(): Promise<World> {
  const clock = new ManualClock();
  const lan = new MemoryLan(clock);
  const listening = new Map<number, DeviceId>();
  const running: Device[] = [];
  let lastPort = 1024;
  const probe: Probe = async ({ port }) => listening.get(port);
  return {
    clock,
    pass: (ms) => clock.pass(ms),
    async device(seed) {
      const id = idOf(seed);
      const port = ++lastPort;
      const node = lan.join({ log: silentLog, isPaired: () => false, probe });
      const events = record(node.discovery);
      listening.set(port, id);
      await node.discovery.start({ id, name: seed, port });
      const device: Device = {
        id,
        port,
        discovery: node.discovery,
        events,
        unplug: async () => node.unplug(),
        plug: async () => node.plug(),
        async kill() {
          listening.delete(port);
          await node.kill();
        },
        async stop() {
          listening.delete(port);
          await node.discovery.close();
        },
      };
      running.push(device);
      return device;
    },
    async [Symbol.asyncDispose]() {
      for (const device of running) await device.stop();
      await clock.pass(10);
      if (clock.timers > 0) throw new Error(`${clock.timers} timers are left`);
    },
  };
}

const HURRY = 5;

export async function loopbackWorld(): Promise<World> {
  const clock = hurried(HURRY);
  const running: Device[] = [];
  // Seeds of this run only: another process may test on the same loopback.
  const run = `${process.pid} ${performance.now()}`;
  return {
    clock,
    pass: (ms) => clock.sleep(ms),
    async device(seed) {
      const id = idOf(`${run} ${seed}`);
      let network = LOOPBACK;
      const server = await listen(id);
      const port = portOf(server);
      const discovery = createMdnsDiscovery({
        clock,
        log: silentLog,
        probe: probeTcp,
        isPaired: () => false,
        networkInterfaces: () => network,
        random: Math.random,
      });
      const events = record(discovery);
      await discovery.start({ id, name: seed, port });
      const silence = async () => {
        network = {};
        server.close();
        await clock.sleep(2000); // a scan
      };
      const device: Device = {
        id,
        port,
        discovery,
        events,
        unplug: silence,
        async plug() {
          network = LOOPBACK;
          await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
        },
        async kill() {
          await silence();
          await discovery.close();
        },
        async stop() {
          server.close();
          await discovery.close();
        },
      };
      running.push(device);
      return device;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((device) => device.stop()));
    },
  };
}

function record(discovery: Discovery): PeerEvent[] {
  const events: PeerEvent[] = [];
  discovery.subscribe((event) => events.push(event));
  return events;
}

/** Tells everybody who connects which device it is. */
function listen(id: DeviceId): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(id);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}

const probeTcp: Probe = ({ address, port }, signal) =>
  new Promise((resolve) => {
    let text = "";
    const socket = connectTcp({ host: address, port, signal });
    socket.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(isDeviceId(text) ? text : undefined));
  });
