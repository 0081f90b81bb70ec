// What lies between sender and receiver: loopback, or a cable of 1 Gbit/s. A link
// has two hosts; `enter` puts a command on one of them. Both see the same files.
//
// The hosts of the cable are network namespaces without a name, held by processes
// that end with the benchmark however it ends, and the namespaces with them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { end, freePort, lacksTools, run, which } from "./process.mjs";

/**
 * @typedef {{ address: string, enter(command: string[]): string[], freePort(): Promise<number> }} Host
 * @typedef {{ sender: Host, receiver: Host, yardstick(): Promise<number | undefined>, close(): Promise<void> }} Wire
 * @typedef {{ name: string, title: string, lacks(): Promise<string | undefined>, open(): Promise<Wire> }} Link
 */

// A tbf's burst is what one tick may let through, its latency how long a packet may
// queue: enough of both that TCP keeps the cable full, too little to hide the rate.
const SHAPE = ["tbf", "rate", "1gbit", "burst", "1mb", "latency", "20ms"];
const YARDSTICK_SECONDS = 5;

/** @type {Link[]} */
export const links = [
  { name: "loopback", title: "loopback", lacks: async () => undefined, open: openLoopback },
  {
    name: "1gbit",
    title: "1 Gbit/s each way, between two network namespaces",
    async lacks() {
      if (process.getuid?.() !== 0) return "network namespaces need root";
      return lacksTools("ip", "tc", "nsenter", "unshare");
    },
    open: openCable,
  },
];

/** @returns {Promise<Wire>} */
async function openLoopback() {
  const host = { address: "127.0.0.1", enter: (/** @type {string[]} */ command) => command, freePort };
  return { sender: host, receiver: host, yardstick: async () => undefined, close: async () => {} };
}

/** @returns {Promise<Wire>} */
async function openCable() {
  const holders = [];
  const close = async () => void (await Promise.all(holders.map(end)));
  try {
    for (let n = 0; n < 2; n++) holders.push(await hold());
    const [sender, receiver] = await Promise.all(holders.map((holder, n) => namespace(holder.pid, `10.77.0.${n + 1}`)));
    await run(
      sender.enter([
        ...(await tool("ip")),
        ..."link add eth0 type veth peer name eth0 netns".split(" "),
        `${receiver.pid}`,
      ]),
    );
    for (const host of [sender, receiver]) {
      await run(host.enter([...(await tool("ip")), "-batch", "-"]), {
        input: `link set lo up\naddr add ${host.address}/24 dev eth0\nlink set eth0 up\n`,
      });
      await run(host.enter([...(await tool("tc")), ..."qdisc add dev eth0 root".split(" "), ...SHAPE]));
    }
    return { sender, receiver, yardstick: () => iperf(sender, receiver), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A process in a network namespace of its own, alive until its standard input ends. */
async function hold() {
  const holder = spawn("unshare", ["--net", "sh", "-c", "echo ready && exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await Promise.race([
    once(holder.stdout, "data"),
    once(holder, "exit").then(() => Promise.reject(new Error("unshare failed"))),
  ]);
  return holder;
}

async function namespace(pid, address) {
  const [nsenter] = await tool("nsenter");
  let port = 20_000; // nobody else is here
  return {
    pid,
    address,
    enter: (command) => [nsenter, `--target=${pid}`, "--net", "--", ...command],
    freePort: async () => ++port,
  };
}

/** Bits a second that TCP carries from sender to receiver; undefined without iperf3. */
async function iperf(sender, receiver) {
  if ((await lacksTools("iperf3")) !== undefined) return undefined;
  const port = `${await receiver.freePort()}`;
  const [program, ...args] = receiver.enter(["iperf3", "--server", "--one-off", "--forceflush", "--port", port]);
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  try {
    await once(server.stdout, "data"); // "Server listening"
    server.stdout.resume();
    const test = ["iperf3", "--client", receiver.address, "--port", port, "--time", `${YARDSTICK_SECONDS}`, "--json"];
    return JSON.parse(await run(sender.enter(test))).end.sum_received.bits_per_second;
  } finally {
    await end(server);
  }
}

const tool = async (name) => [(await which(name)) ?? name];
