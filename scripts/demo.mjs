// `npm run demo`: two real daemons on this machine, alice and bob, with
// throw-away homes. They find each other by multicast DNS on the loopback
// interface (nothing leaves the machine), are paired by an invite, and bob sends
// a file and a folder to alice by name. Everything it made is removed at the end.
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ctl, meet, Scene, written } from "./scene.mjs";

const started = Date.now();
const scene = new Scene("lanxfer-demo-");

process.on("SIGINT", () => scene.close().then(() => process.exit(130)));
process.on("SIGTERM", () => scene.close().then(() => process.exit(143)));

try {
  await demo();
} catch (error) {
  console.error(`demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await scene.close();
  say(existsSync(scene.home) ? `could not remove ${scene.home}` : `removed ${scene.home} and everything in it`);
}

async function demo() {
  say(`two daemons on this machine, homes below ${scene.home}`);
  const [alice, bob] = [await scene.daemon("alice"), await scene.daemon("bob")];
  if (!(await meet(bob, alice))) say("multicast is not possible on this machine: using static addresses instead");
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

/** Runs lanxferctl on a host as a person would, showing what it prints. */
async function show(host, args, input) {
  console.log(`\n${host.name}$ ${written(args)}`);
  const { stdout, stderr } = await ctl(host, args, input);
  process.stdout.write(stderr + stdout);
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

function say(text) {
  console.log(`\n# ${text}`);
}
