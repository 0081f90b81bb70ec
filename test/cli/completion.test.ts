import { chmod, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ControlHandlers } from "../../src/control/api.ts";
import { missing } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { Place, PROGRAM } from "./support/place.ts";
import * as views from "./support/views.ts";

const peers = [
  views.peer({ paired: true, petname: "alice" }),
  views.peer({ paired: true, petname: "zoë", id: "z", short: "zzzzzzzz" }),
  views.peer({ paired: true, petname: "$(touch pwned)", id: "e", short: "eeeeeeee" }),
  views.peer({ name: "stranger", id: "s", short: "ssssssss" }),
];
const box = { peer: { id: "b", name: "box" } };
const ended = { endedAt: "2026-05-01T12:00:00.000Z" };
const queue = { why: "away", expiresAt: null, copied: false } as const;
const transfers = [
  views.transfer({ id: "running", ...box }),
  views.transfer({ id: "calling", state: "connecting", ...box }),
  views.transfer({ id: "queued", state: "queued", queue, peer: { id: "e", name: "$(touch pwned)" } }),
  views.transfer({ id: "held", state: "paused", queue, peer: { id: "n", name: "nas" } }),
  views.transfer({ id: "incoming", direction: "in" }),
  views.transfer({ id: "done", state: "done", ...ended }),
  views.transfer({ id: "lost", state: "failed", ...ended }),
  views.transfer({ id: "again", state: "failed", canRetry: true, ...ended }),
  views.transfer({ id: "$(id)", ...box }),
];

const handlers: Partial<ControlHandlers> = {
  async *events() {
    yield { type: "snapshot", seq: 0, peers, transfers: [], offers: [] };
    await new Promise(() => {});
  },
  devices: () => [views.device(), views.device({ name: "old box", short: "oooooooo" })],
  transfers: (all) => transfers.filter(({ endedAt }) => all || endedAt === null),
  offers: () => [views.offer({ id: "offered" })],
  settings: () => [
    views.setting(),
    views.setting({ name: "unpaired", choices: ["never", "ask"] }),
    views.setting({ name: "notify", choices: ["true", "false"] }),
  ],
};

const POLL = { timeout: 20_000, interval: 50 };

/** A daemon that knows all that, and a shell that asks for completions of `words`. */
async function asking() {
  const place = await Place.open();
  await place.daemon(handlers);
  const once = async (shell: string, words: readonly string[]) => {
    const { code, stdout, stderr } = await place.ctl(["--complete", shell, ...words]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout.split("\n").slice(0, -1);
  };
  /** Completion does not wait for a daemon long, which on a busy machine is too short now and then. */
  const offers = (words: readonly string[], shell = "bash") => expect.poll(() => once(shell, words), POLL);
  return { place, offers };
}

describe("Completion", () => {
  it("offers commands, options, and the only values there are", async () => {
    const { offers } = await asking();
    await offers([""]).toEqual(expect.arrayContaining(["peers", "send", "config", "completion"]));
    await offers(["config", ""]).toEqual(["list", "get", "set", "unset"]);
    await offers(["peers", "--"]).toEqual(["--watch", "--json", "--verbose", "--help"]);
    await offers(["policy", "alice", ""]).toEqual(["auto", "ask", "block"]);
  });

  it("offers paired peers, and instead of a name that a shell would act upon the short id", async () => {
    const { offers } = await asking();
    await offers(["send", ""]).toEqual(["alice", "zoë", "eeeeeeee"]);
    await offers(["send", "alice,z"]).toEqual(["alice,zoë"]);
    await offers(["unpair", ""]).toEqual(["alice", "oooooooo"]);
    await offers(["inbox", "--from", "a"]).toEqual(["alice"]);
  });

  it("offers the transfers that a command can do something about, and no other", async () => {
    const { offers } = await asking();
    await offers(["cancel", ""]).toEqual(["running", "calling", "queued", "held", "incoming", "again"]);
    await offers(["retry", ""]).toEqual(["again"]);
    await offers(["pause", ""]).toEqual(["running", "queued", "box"]);
    await offers(["resume", ""]).toEqual(["held", "nas"]);
    await offers(["accept", ""]).toEqual(["offered"]);
    await offers(["decline", "o"]).toEqual(["offered"]);
  });

  it("offers settings, and the values of one that has few", async () => {
    const { offers } = await asking();
    for (const change of ["get", "set", "unset"]) {
      await offers(["config", change, ""]).toEqual(["name", "unpaired", "notify"]);
    }
    await offers(["config", "set", "unpaired", ""]).toEqual(["never", "ask"]);
    await offers(["config", "set", "notify", "t"]).toEqual(["true"]);
    await offers(["config", "set", "name", ""]).toEqual([]);
  });

  it("tells the shells that have a place for it what a candidate means", async () => {
    const { offers } = await asking();
    await offers(["retry", ""], "zsh").toEqual(["again:failed: report.pdf to alice"]);
    await offers(["retry", ""], "fish").toEqual(["again\tfailed: report.pdf to alice"]);
  });

  it("leaves files to the shell, where they are wanted", async () => {
    const { offers } = await asking();
    await offers(["send", "alice", ""]).toEqual(["/"]);
    await offers(["rename", "alice", ""]).toEqual([]);
  });

  it("is silent and soon done when no daemon answers", async () => {
    const place = await Place.open();
    const plain = await place.ctl(["--complete", "bash", "st"]);
    const words = [
      ["send", ""],
      ["cancel", ""],
      ["config", "set", ""],
      ["accept", ""],
    ];
    for (const line of words) {
      expect(await place.ctl(["--complete", "bash", ...line])).toMatchObject({ code: 0, stdout: "", stderr: "" });
    }
    // It takes connections and says nothing.
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(place.socket, resolve));
    onTestFinished(() => void silent.close());
    for (const line of words) {
      const hung = await place.ctl(["--complete", "bash", ...line]);
      expect(hung).toMatchObject({ code: 0, stdout: "", stderr: "" });
      expect(hung.ms - plain.ms).toBeLessThan(5_000); // 150 are allowed to the daemon
    }
  });

  it.each(["bash", "zsh", "fish"])("has a script for %s", async (shell) => {
    const place = await Place.open();
    const { code, stdout, stderr } = await place.ctl(["completion", shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await expect(stdout).toMatchFileSnapshot(`golden/completion-${shell}.txt`);
    expect((await place.ctl(["completion"], { env: { SHELL: `/usr/bin/${shell}` } })).stdout).toBe(stdout);
  });
});

const SHELLS = {
  bash: { start: "bash --norc --noprofile -i", load: 'eval "$(lanxferctl completion bash)"' },
  zsh: { start: "zsh -f -i", load: 'autoload -U compinit; compinit -u; eval "$(lanxferctl completion zsh)"' },
  fish: {
    start: `fish --no-config -i -C 'function fish_prompt; echo -n "ready>"; end'`,
    load: "lanxferctl completion fish | source",
  },
} as const;

describe.each(["bash", "zsh", "fish"] as const)("On a terminal, %s", (shell) => {
  const lacks = missing([shell]);
  const here = lacks.length === 0 || process.env["CI"] === "true";
  if (!here)
    process.stderr.write(`skipped: completion in ${shell}: this machine does not offer ${lacks.join(" or ")}\n`);

  it.runIf(here)("completes what is typed", async () => {
    const { place } = await asking();
    const said = path.join(place.home, "said");
    const program = path.join(place.home, "lanxferctl");
    const answer = `case $1 in --complete | completion) exec '${process.execPath}' '${PROGRAM}' "$@" ;; esac`;
    await writeFile(program, `#!/bin/sh\n${answer}\nprintf '%s|' "$@" >>'${said}'\necho >>'${said}'\n`);
    await chmod(program, 0o755);
    await writeFile(path.join(place.home, "notes 1.txt"), "");
    await writeFile(said, "");

    const { start, load } = SHELLS[shell];
    const env = { PATH: `${place.home}:${process.env["PATH"]}`, TERM: "dumb", PS1: "ready>" };
    const terminal = place.commandOnTerminal(start, { columns: 200, env });
    const prompted = () =>
      eventually(
        `${shell} is ready (it shows ${terminal.stdout})`,
        () => /ready>\s*$/.test(stripVTControlCharacters(terminal.stdout)) || undefined,
        { timeoutMs: 30_000 },
      );
    /** Types it, again where the machine is so busy that the daemon was not waited for. */
    const heard = async (line: string, expected: string) => {
      let last: string | undefined;
      for (let tries = 0; tries < 5 && last !== expected; tries++) {
        await prompted();
        const before = (await readFile(said, "utf8")).length;
        terminal.type(line);
        last = await eventually(`${shell} runs ${line} (it shows ${terminal.stdout})`, async () => {
          const more = (await readFile(said, "utf8")).slice(before);
          return more.endsWith("\n") ? more.trim() : undefined;
        });
      }
      expect(last).toBe(expected);
    };
    await heard(`${load}; lanxferctl loaded\n`, "loaded|");
    await heard("lanxferctl stat\t\n", "status|");
    await heard("lanxferctl send al\tno\t\n", "send|alice|notes 1.txt|");
    await heard("lanxferctl retry \t\n", "retry|again|");
    await heard("lanxferctl resume h\t\n", "resume|held|");
    await heard("lanxferctl config set unp\ta\t\n", "config|set|unpaired|ask|");
    await heard("lanxferctl inbox --fr\tal\t\n", "inbox|--from|alice|");
    // Where there is nothing to offer, files of this folder are not.
    await heard("lanxferctl rename alice no\t\n", "rename|alice|no|");
    terminal.type("exit\n");
    await terminal.finished;
  });
});
