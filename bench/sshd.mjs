// An SSH server of our own on loopback, with keys that are made for it and
// thrown away: nothing of the machine's or the user's SSH setup is read or changed.

import { spawn } from "node:child_process";
import { appendFile, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { end, freePort, listening, run, which } from "./process.mjs";

// Where sshd separates privileges when root runs it; gone on machines without a running one.
const PRIVILEGE_SEPARATION = "/run/sshd";

/** @returns {Promise<{ port: number, options: string[], close(): Promise<void> }>} options fit ssh and scp */
export async function startSshd(directory) {
  const file = (name) => path.join(directory, name);
  for (const key of ["host", "user"]) await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key)]);
  const port = await freePort();
  await writeFile(file("authorized"), await readFile(file("user.pub")));
  await writeFile(file("known"), `[127.0.0.1]:${port} ${await readFile(file("host.pub"))}`);
  await writeFile(
    file("sshd_config"),
    `ListenAddress 127.0.0.1:${port}
HostKey ${file("host")}
AuthorizedKeysFile ${file("authorized")}
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
`,
  );
  const made = process.getuid?.() === 0 && (await mkdir(PRIVILEGE_SEPARATION, { recursive: true })) !== undefined;
  const log = file("sshd.log");
  await appendFile(log, "");
  const server = spawn(/** @type {string} */ (await which("sshd")), ["-D", "-f", file("sshd_config"), "-E", log], {
    stdio: "ignore",
  });
  const close = async () => {
    await end(server);
    if (made) await rmdir(PRIVILEGE_SEPARATION).catch(() => {}); // someone else may use it by now
  };
  try {
    await listening(server, port);
  } catch (error) {
    await close();
    throw new Error(`sshd does not start: ${await readFile(log, "utf8")}`, { cause: error });
  }
  const options = ["-F", "none", "-i", file("user"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
  options.push("-o", "StrictHostKeyChecking=yes", "-o", `UserKnownHostsFile=${file("known")}`);
  return { port, options, close };
}
