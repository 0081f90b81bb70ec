// `npm run demo`: two real daemons on this machine, alice and bob, with
// throw-away homes. They find each other by multicast DNS on the loopback
// interface (nothing leaves the machine), are paired by an invite, and bob sends
// a file and a folder to alice by name. Everything it made is removed at the end.
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const started = Date.now();
const home = mkdtempSync(join(tmpdir(), "lanxfer-demo-"));
const running = [];

process.on("SIGINT", () => cleanUp().then(() => process.exit(130)));
process.on("SIGTERM", () => cleanUp().then(() => process.exit(143)));

try {
  await demo();
} catch (error) {
  console.error(`demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await cleanUp();
  say(existsSync(home) ? `could not remove ${home}` : `removed ${home} and everything in it`);
}

async function demo() {
  say(`two daemons on this machine, homes below ${home}`);
  const alice = await startDaemon("alice");
  const bob = await startDaemon("bob");

  const multicast = await waitFor(async () => (await peers(bob)).includes("alice"), 4_000);
  if (!multicast) {
    say("multicast is not possible on this machine: using static addresses instead");
    await ctl(bob, ["peers", "add", "alice", `127.0.0.1:${alice.port}`]);
    await ctl(alice, ["peers", "add", "bob", `127.0.0.1:${bob.port}`]);
    if (!(await waitFor(async () => (await peers(bob)).includes("alice"), 4_000)))
      throw new Error("bob does not see alice");
  }
  await show(bob, ["peers"]);

  say("alice invites, bob redeems (the invite goes through a pipe, never through an argument)");
  const invite = await ctl(alice, ["invite"]);
  await show(bob, ["pair", "--invite", "-"], invite.stdout);

  const file = join(bob.home, "report.pdf");
  const folder = join(bob.home, "photos 2026");
  writeFileSync(file, randomBytes(20_000_000));
  mkdirSync(join(folder, "july", "empty"), { recursive: true });
  for (let i = 1; i <= 40; i++) writeFileSync(join(folder, "july", `IMG_${1000 + i}.jpg`), randomBytes(50_000 + i));
  writeFileSync(join(folder, "日本 🗻.txt"), "names are kept\n");
  writeFileSync(join(folder, "run me.sh"), "#!/bin/sh\necho hello\n");
  chmodSync(join(folder, "run me.sh"), 0o755);

  await show(bob, ["send", "alice", "report.pdf", "photos 2026"]);
  await show(bob, ["send", "alice", "report.pdf"]); // what is there is not sent again
  await show(bob, ["send", "alice", "report.pdf", "--always"]); // nothing is overwritten
  await show(alice, ["inbox"]);

  const inbox = join(alice.home, "LanInbox");
  for (const [sent, name] of [
    [file, "report.pdf"],
    [file, "report (1).pdf"],
    [folder, "photos 2026"],
  ]) {
    const [there, here] = [fingerprint(join(inbox, name)), fingerprint(sent)];
    if (there !== here) throw new Error(`${name} is not what was sent`);
    say(
      `${name}: ${statSync(sent).isDirectory() ? "folder" : "file"} arrived, identical (sha256 ${here.slice(0, 16)}…)`,
    );
  }
  say(`done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Starts a daemon with a home of its own and waits until it answers. */
async function startDaemon(name) {
  const own = join(home, name);
  mkdirSync(own, { mode: 0o700 });
  const port = await freePort();
  const env = {
    PATH: process.env.PATH,
    HOME: own,
    LANXFER_NAME: name,
    LANXFER_PORT: String(port),
    LANXFER_CONFIG_DIR: join(own, "config"),
    LANXFER_STATE_DIR: join(own, "state"),
    LANXFER_SOCKET: join(own, "run", "control.sock"),
    // Only the loopback interface: the demo is nobody else's business.
    LANXFER_INTERFACES_EXCLUDE: "*",
    LANXFER_INTERFACES_INCLUDE: "lo,lo0",
    LANXFER_LOG_LEVEL: "warn",
  };
  const child = spawn(process.execPath, [join(root, "dist/daemon/main.js")], {
    env,
    cwd: own,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const host = { name, home: own, port, env, child };
  running.push(host);
  const ready = () =>
    ctl(host, ["status"]).then(
      () => true,
      () => false,
    );
  if (!(await waitFor(ready, 10_000))) throw new Error(`${name} did not start`);
  say(`${name} is ready on port ${port}`);
  return host;
}

async function peers(host) {
  const { stdout } = await ctl(host, ["peers", "--json"]);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line).name);
}

/** Runs lanxferctl on a host as a person would, showing what it prints. */
async function show(host, args, input) {
  console.log(`\n${host.name}$ lanxferctl ${args.map((arg) => (/[^\w./-]/.test(arg) ? `"${arg}"` : arg)).join(" ")}`);
  const { stdout, stderr } = await ctl(host, args, input);
  process.stdout.write(stderr + stdout);
}

function ctl(host, args, input = "") {
  return new Promise((resolve, reject) => {
    const command = [join(root, "dist/ctl/main.js"), ...args];
    const child = execFile(process.execPath, command, { env: host.env, cwd: host.home }, (error, stdout, stderr) => {
      if (error) reject(new Error(`lanxferctl ${args.join(" ")}: ${stderr.trim() || error.message}`));
      else resolve({ stdout, stderr });
    });
    child.stdin.end(input);
  });
}

async function waitFor(condition, ms) {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 100))) {
    if (await condition()) return true;
  }
  return false;
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Digest over names, kinds, times, the executable bit and content of everything below `path`. */
function fingerprint(path) {
  const hash = createHash("sha256");
  const visit = (at) => {
    const stats = statSync(at);
    hash.update(`${relative(path, at)}\0${stats.isDirectory()}\0${Math.floor(stats.mtimeMs)}\0${stats.mode & 0o100}\0`);
    if (stats.isDirectory()) for (const name of readdirSync(at).sort()) visit(join(at, name));
    else hash.update(readFileSync(at));
  };
  visit(path);
  return hash.digest("hex");
}

async function cleanUp() {
  await Promise.all(
    running.splice(0).map(
      ({ child }) =>
        new Promise((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) resolve();
          child.once("exit", resolve);
          child.kill("SIGTERM");
        }),
    ),
  );
  rmSync(home, { recursive: true, force: true });
}

function say(text) {
  console.log(`\n# ${text}`);
}
