import { describe, expect, it } from "vitest";
import { Place, PROGRAM } from "./support/place.ts";
import * as views from "./support/views.ts";

const peers = [
  views.peer({ paired: true, petname: "alice" }),
  views.peer({ paired: true, petname: "zoë", id: "z", short: "zzzzzzzz" }),
  views.peer({ paired: true, petname: "$(touch pwned)", id: "e", short: "eeeeeeee" }),
  views.peer({ name: "stranger", id: "s", short: "ssssssss" }),
];

/** A daemon that knows `peers`, and a shell that asks what follows `words`. */
async function asking() {
  const place = await Place.open();
  await place.daemon({
    async *events() {
      yield { type: "snapshot", seq: 0, peers, transfers: [], offers: [] };
      await new Promise(() => {});
    },
    devices: () => [views.device(), views.device({ name: "old box", short: "oooooooo" })],
  });
  const ask = async (...words: string[]) => {
    const { code, stdout, stderr } = await place.ctl(["--get-yargs-completions", "lanxferctl", ...words]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout.split("\n").slice(0, -1);
  };
  return { place, ask };
}

describe("Completion", () => {
  it("offers commands, and the commands below them", async () => {
    const { ask } = await asking();
    expect(await ask("")).toEqual(expect.arrayContaining(["peers", "send", "config", "completion"]));
    expect(await ask("st")).toEqual(["status"]);
    expect(await ask("config", "")).toEqual(["list", "get", "set", "unset"]);
    expect(await ask("peers", "")).toEqual(["add", "rm"]);
  });

  it("offers the options of the command", async () => {
    const { ask } = await asking();
    expect(await ask("peers", "--")).toEqual(["--watch", "--json", "--verbose", "--help"]);
    expect(await ask("invite", "--t")).toEqual(["--ttl"]);
    expect(await ask("--")).toEqual(["--verbose", "--help"]);
  });

  it("offers the only values there are", async () => {
    const { ask } = await asking();
    expect(await ask("policy", "alice", "")).toEqual(["auto", "ask", "block"]);
    expect(await ask("completion", "z")).toEqual(["zsh"]);
  });

  it("offers paired peers, and instead of a name that a shell would act upon the short id", async () => {
    const { ask } = await asking();
    expect(await ask("send", "")).toEqual(["alice", "zoë", "eeeeeeee"]);
    expect(await ask("send", "al")).toEqual(["alice"]);
    expect(await ask("unpair", "")).toEqual(["alice", "oooooooo"]);
  });

  it("leaves files to the shell", async () => {
    const { ask } = await asking();
    expect(await ask("send", "alice", "")).toEqual([]);
    expect(await ask("send", "alice", "a", "b")).toEqual([]);
  });

  it("is silent and soon done when no daemon answers", async () => {
    const place = await Place.open();
    const none = await place.ctl(["--get-yargs-completions", "lanxferctl", "send", ""]);
    expect(none).toMatchObject({ code: 0, stdout: "", stderr: "" });
    await place.daemon({
      async *events() {
        await new Promise(() => {});
      },
    });
    const plain = await place.ctl(["--get-yargs-completions", "lanxferctl", "st"]);
    const hung = await place.ctl(["--get-yargs-completions", "lanxferctl", "send", ""]);
    expect(hung).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(hung.ms - plain.ms).toBeLessThan(5_000); // 250 are allowed to the daemon
  });

  it.each(["bash", "zsh", "fish"])("has a script for %s", async (shell) => {
    const place = await Place.open();
    const { code, stdout, stderr } = await place.ctl(["completion", shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await expect(stdout).toMatchFileSnapshot(`golden/completion-${shell}.txt`);
  });

  it("has the script of the shell one uses, when none is named", async () => {
    const place = await Place.open();
    const zsh = await place.ctl(["completion", "zsh"]);
    expect((await place.ctl(["completion"], { env: { SHELL: "/usr/bin/zsh" } })).stdout).toBe(zsh.stdout);
  });

  it("works in bash, with files where files are wanted", async () => {
    const { place } = await asking();
    const { code, stdout, stderr } = await place.shell(`
      lanxferctl() { ${process.execPath} ${PROGRAM} "$@"; }
      eval "$(lanxferctl completion bash)"
      ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _lanxferctl_yargs_completions; echo "\${COMPREPLY[*]}"; }
      ask lanxferctl stat
      ask lanxferctl send ""
      ask lanxferctl send alice ""
      complete -p lanxferctl`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      "status\nalice zoë eeeeeeee\n\ncomplete -o bashdefault -o default -F _lanxferctl_yargs_completions lanxferctl\n",
    );
  });
});
