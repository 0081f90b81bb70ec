// `npm run recording`: makes docs/recording.svg, a terminal as it was while real
// daemons sent real files. What stands there is what the programs printed, when
// they printed it; only the pauses in which a person reads are added.
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { ctl, meet, Scene, stop, waitFor, written } from "./scene.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const READ = 1.4; // seconds to read what a command printed
const TYPE = 0.9; // seconds until it is typed
const END = 6; // seconds that all of it stays
const LINE = 20; // pixels
const CHARACTER = 8.43; // pixels, of the font below at 14
const SIZE = 14;

/** Lines, each with the second at which it is there and what it is. */
const lines = [];
let now = 0;

const scene = new Scene("lanxfer-");
try {
  await play();
  writeFileSync(join(root, "docs/recording.svg"), svg());
} finally {
  await scene.close();
}

async function play() {
  const [desk, nas] = [await scene.daemon("desk"), await scene.daemon("nas")];
  await meet(desk, nas);
  writeFileSync(join(desk.home, "report.pdf"), Buffer.alloc(3_000_000, "report"));
  writeFileSync(join(desk.home, "backup.tar"), Buffer.alloc(20_000_000, "backup"));
  mkdirSync(join(desk.home, "photos"));
  for (let at = 1; at <= 240; at++) writeFileSync(join(desk.home, `photos/${at}.jpg`), Buffer.alloc(500_000, at));

  await show(desk, ["peers"]);
  await show(nas, ["invite", "--out", "invite"]);
  await show(desk, ["pair", "--invite", "../nas/invite"]); // the homes are side by side
  await show(desk, ["send", "nas", "report.pdf", "photos"]);
  await stop(nas.child);
  say("# nas is switched off");
  await show(desk, ["send", "nas", "backup.tar", "--queue"]);
  const again = await scene.daemon("nas");
  await meet(desk, again);
  say("# and on again");
  const arrived = async () => (await ctl(desk, ["history", "--json"])).stdout.split('"direction":"out"').length > 2;
  if (!(await waitFor(arrived, 15_000))) throw new Error("what was queued was not delivered");
  await show(again, ["inbox", "--print-path"]);
}

/** Runs lanxferctl and takes down what it prints, with the time. */
function show(host, args) {
  now += TYPE;
  lines.push({ at: now, kind: "typed", text: `${host.name}$ ${written(args)}` });
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, [join(root, "dist/ctl/main.js"), ...args], {
      env: host.env,
      cwd: host.home,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        const at = now + (performance.now() - started) / 1_000;
        const printed = stripVTControlCharacters(text).replaceAll(`${host.home}/`, "~/").trimEnd().split("\n");
        for (const line of printed) lines.push({ at, kind: "printed", text: line });
      });
    }
    child.on("close", (code) => {
      now += (performance.now() - started) / 1_000 + READ;
      if (code === 0) resolve();
      else reject(new Error(`lanxferctl ${args.join(" ")} ended with ${code}`));
    });
  });
}

function say(text) {
  now += TYPE;
  lines.push({ at: now, kind: "said", text });
}

/** All lines, each of which appears at its time; who wants no animations sees them at once. */
function svg() {
  const width = Math.ceil(Math.max(...lines.map(({ text }) => text.length)) * CHARACTER) + 2 * LINE;
  const height = (lines.length + 2) * LINE;
  const whole = now + END;
  const rules = lines.map(({ at }, index) => {
    const share = ((at / whole) * 100).toFixed(2);
    const frames = `0%,${share}%{opacity:0}${(Number(share) + 0.01).toFixed(2)}%,100%{opacity:1}`;
    return `@keyframes l${index}{${frames}}.l${index}{animation:l${index} ${whole.toFixed(1)}s infinite}`;
  });
  const rows = lines.map(({ kind, text }, index) => {
    const y = (index + 1.75) * LINE;
    return `<text class="${kind} l${index}" x="${LINE}" y="${y}" xml:space="preserve">${escaped(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>lanxfer: a device is paired, files are sent to it, and wait for it while it is switched off</title>
<style>
text{font:${SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;fill:#d0d0d0}
.typed{fill:#fff;font-weight:600}.said{fill:#7a9}
@media(prefers-reduced-motion:no-preference){
${rules.join("\n")}
}
</style>
<rect width="100%" height="100%" rx="8" fill="#16181d"/>
${rows.join("\n")}
</svg>
`;
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
