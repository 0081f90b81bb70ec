// Who is measured. `lacks` says what is not installed; `open` starts what has to
// run before the first byte (a daemon, a server) and yields a session, whose
// `copy` is what is timed: from "send it" to "it is there". `flushes` is what has
// to be on the disk, by the contender's own promise, before it reports success.

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { lacksLanxfer, openLanxfer } from "./lanxfer.mjs";
import { openPipe } from "./pipe.mjs";
import { lacksTools, run } from "./process.mjs";
import { startSshd } from "./sshd.mjs";

/**
 * @typedef {{ inbox: string, copy(source: string, signal: AbortSignal): Promise<unknown>, close(): Promise<void>,
 *   resetPeak?(): Promise<void>, peaks?(): Promise<{ process: string, bytes: number }[]> }} Session
 * @typedef {{ wire: import("./links.mjs").Wire, options: import("./options.mjs").Options }} Setting
 * @typedef {{ name: string, flushes: "all" | "files" | "nothing", takes: string[],
 *   lacks(): Promise<string | undefined>, open(directory: string, setting: Setting): Promise<Session> }} Contender
 * @typedef {{ port: number, options: string[] }} Server
 */

const GCM = ["-c", "aes128-gcm@openssh.com"];
const ALL = ["file", "folder", "files"];

/**
 * @param {(server: Server, source: string, target: { address: string, inbox: string }) => string[]} command
 * @returns {Contender}
 */
function overSsh(name, tool, command, { flushes = "nothing", lacks = async () => undefined } = {}) {
  return {
    name,
    flushes,
    takes: ALL,
    lacks: async () => (await lacksTools("sshd", "ssh", "ssh-keygen", tool)) ?? (await lacks()),
    async open(directory, { wire }) {
      const inbox = `${directory}/inbox`;
      await mkdir(inbox, { recursive: true });
      const server = await startSshd(directory, wire.receiver);
      const target = { address: wire.receiver.address, inbox };
      return {
        inbox,
        copy: (source, signal) => run(wire.sender.enter(command(server, source, target)), { signal }),
        close: server.close,
      };
    },
  };
}

// -p and -a: times and the executable bit are kept, as lanxfer and tar do.
const scp =
  (...cipher) =>
  (server, source, { address, inbox }) => [
    ...["scp", "-q", "-p", "-r", ...cipher, "-P", `${server.port}`, ...server.options],
    ...[source, `${address}:${inbox}/`],
  ];

const ssh = (server, cipher) => ["ssh", ...cipher, "-p", `${server.port}`, ...server.options];

const rsync =
  (flags, ...cipher) =>
  (server, source, { address, inbox }) => [
    ...["rsync", "-a", ...flags, "-e", ssh(server, cipher).join(" ")],
    ...[source, `${address}:${inbox}/`],
  ];

const TAR = 'source=$1 name=$2; shift 2; tar -c -C "$source" -- "$name" | "$@"';
const tar = (server, source, { address, inbox }) => [
  ...["sh", "-c", TAR, "tar", path.dirname(source), path.basename(source)],
  ...[...ssh(server, []), address, `tar -x -C '${inbox}'`],
];

async function lacksFsync() {
  const known = (await run(["rsync", "--help"])).includes("--fsync");
  return known ? undefined : "this rsync does not know --fsync, which came with 3.2.3";
}

/** @type {Contender[]} */
export const contenders = [
  { name: "lanxfer", flushes: "all", takes: ALL, lacks: lacksLanxfer, open: openLanxfer },
  overSsh("scp", "scp", scp()),
  overSsh("scp aes128-gcm", "scp", scp(...GCM)),
  overSsh("rsync -e ssh", "rsync", rsync([])),
  overSsh("rsync -e ssh aes128-gcm", "rsync", rsync([], ...GCM)),
  overSsh("rsync --fsync -e ssh", "rsync", rsync(["--fsync"]), { flushes: "files", lacks: lacksFsync }),
  overSsh("tar over ssh", "tar", tar),
  { name: "bare TLS pipe", flushes: "nothing", takes: ["file"], lacks: async () => undefined, open: openPipe },
];
