// The ceiling for a Node program: file to TLS 1.3 to file between two processes,
// with no protocol, no digest and no flush in between.

import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { end } from "./process.mjs";

const PROGRAM = fileURLToPath(new URL("./pipe-end.mjs", import.meta.url));

/** The next message of a child; rejects when it ends instead. */
function answer(child) {
  return new Promise((resolve, reject) => {
    const settle = () => {
      child.off("message", heard);
      child.off("exit", ended);
    };
    const heard = (message) => {
      settle();
      resolve(message);
    };
    const ended = (code) => {
      settle();
      reject(new Error(`the ${child.spawnargs.at(-1)} end of the pipe ended with ${code}`));
    };
    child.once("message", heard).once("exit", ended);
  });
}

/** One end as a process on `host` that exchanges messages with this one. */
function start(host, ...args) {
  const [file, ...rest] = host.enter([process.execPath, PROGRAM, ...args]);
  return spawn(file, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** @type {import("./contenders.mjs").Contender["open"]} */
export async function openPipe(directory, { wire }) {
  const inbox = `${directory}/inbox`;
  await mkdir(inbox, { recursive: true });
  const { address } = wire.receiver;
  const receiver = start(wire.receiver, address, inbox, "receive");
  const sender = start(wire.sender, address, "", "send");
  const port = await answer(receiver);
  return {
    inbox,
    async copy(source, signal) {
      signal.throwIfAborted();
      const stop = () => sender.kill();
      signal.addEventListener("abort", stop);
      try {
        sender.send({ source, port });
        await answer(sender);
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
    close: async () => void (await Promise.all([end(receiver), end(sender)])),
  };
}
