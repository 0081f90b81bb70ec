// Who is measured. `lacks` says what is not installed; `open` starts what has to
// run before the first byte (a daemon, a server) and yields a session, whose
// `copy` is what is timed: from "send it" to "it is there".

import { mkdir } from "node:fs/promises";
import { lacksLanxfer, openLanxfer } from "./lanxfer.mjs";
import { openPipe } from "./pipe.mjs";
import { lacksTools, run } from "./process.mjs";
import { startSshd } from "./sshd.mjs";

/**
 * @typedef {{ inbox: string, copy(source: string, signal: AbortSignal): Promise<unknown>, close(): Promise<void>,
 *   resetPeak?(): Promise<void>, peaks?(): Promise<{ process: string, bytes: number }[]> }} Session
 * @typedef {{ name: string, takes: string[], lacks(): Promise<string | undefined>,
 *   open(directory: string): Promise<Session> }} Contender
 */

const GCM = ["-c", "aes128-gcm@openssh.com"];
const BOTH = ["file", "folder"];

/** @returns {Contender} */
function overSsh(name, tools, command) {
  return {
    name,
    takes: BOTH,
    lacks: () => lacksTools("sshd", "ssh", "ssh-keygen", ...tools),
    async open(directory) {
      const inbox = `${directory}/inbox`;
      await mkdir(inbox, { recursive: true });
      const server = await startSshd(directory);
      return { inbox, copy: (source, signal) => run(command(server, source, inbox), { signal }), close: server.close };
    },
  };
}

// -p and -a: times and the executable bit are kept, as lanxfer does.
const scp = (cipher) => (server, source, inbox) => [
  ...["scp", "-q", "-p", "-r", ...cipher, "-P", `${server.port}`, ...server.options],
  ...[source, `127.0.0.1:${inbox}/`],
];
const rsync = (cipher) => (server, source, inbox) => [
  ...["rsync", "-a", "-e", ["ssh", ...cipher, "-p", `${server.port}`, ...server.options].join(" ")],
  ...[source, `127.0.0.1:${inbox}/`],
];

/** @type {Contender[]} */
export const contenders = [
  { name: "lanxfer", takes: BOTH, lacks: lacksLanxfer, open: openLanxfer },
  overSsh("scp", ["scp"], scp([])),
  overSsh("scp aes128-gcm", ["scp"], scp(GCM)),
  overSsh("rsync -e ssh", ["rsync"], rsync([])),
  overSsh("rsync -e ssh aes128-gcm", ["rsync"], rsync(GCM)),
  { name: "bare TLS pipe", takes: ["file"], lacks: async () => undefined, open: openPipe },
];
