// An SSH server of our own, with keys that are made for it and thrown away:
// nothing of the machine's or the user's SSH setup is read or changed.

import { spawn } from "node:child_process";
import { appendFile, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { end, ready, run, which } from "./process.mjs";

// Where sshd separates privileges when root runs it; gone on machines without a running one.
const PRIVILEGE_SEPARATION = "/run/sshd";

/**
 * @param {string} directory
 * @param {import("./links.mjs").Host} host where it listens
 * @returns {Promise<{ port: number, options: string[], close(): Promise<void> }>} options fit ssh and scp
 */
export async function startSshd(directory, host) {
  const file = (name) => path.join(directory, name);
  for (const key of ["host", "user"]) await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key)]);
  const port = await host.freePort();
  await writeFile(file("authorized"), await readFile(file("user.pub")));
  await writeFile(file("known"), `[${host.address}]:${port} ${await readFile(file("host.pub"))}`);
  await writeFile(
    file("sshd_config"),
    `ListenAddress ${host.address}:${port}
HostKey ${file("host")}
AuthorizedKeysFile ${file("authorized")}
AuthenticationMethods publickey
PermitRootLogin prohibit-password
MaxStartups 100
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
`,
  );
  const made = process.getuid?.() === 0 && (await mkdir(PRIVILEGE_SEPARATION, { recursive: true })) !== undefined;
  const log = file("sshd.log");
  await appendFile(log, "");
  const sshd = /** @type {string} */ (await which("sshd")); // nobody starts it without asking lacksTools
  const [program, ...args] = host.enter([sshd, "-D", "-f", file("sshd_config"), "-E", log]);
  const server = spawn(program, args, { stdio: "ignore" });
  const close = async () => {
    await end(server);
    if (made) await rmdir(PRIVILEGE_SEPARATION).catch(() => {}); // someone else may use it by now
  };
  try {
    await ready(server, async () => (await readFile(log, "utf8")).includes("Server listening on"));
  } catch (error) {
    await close();
    throw new Error(`sshd does not start: ${await readFile(log, "utf8")}`, { cause: error });
  }
  const options = ["-F", "none", "-i", file("user"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
  options.push("-o", "StrictHostKeyChecking=yes", "-o", `UserKnownHostsFile=${file("known")}`);
  return { port, options, close };
}
